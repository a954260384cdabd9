import { jobAddress, jobId, type LaneId } from '../../domain/ids.ts';
import type { JobState } from '../../domain/job.ts';
import type { JobRecord, Jobs, KeyedJob } from '../../ports/jobs.ts';
import { LOST } from '../commands.ts';
import { statement, type Command } from './command.ts';

interface KeyedRow {
  key: string;
  lane_id: LaneId;
  seq: number;
  state: JobState;
}

const keyedOf = ({ key, lane_id, seq, state }: KeyedRow): KeyedJob => ({ key, jobId: jobId(lane_id, seq), state });

export const jobCommands: Record<keyof Jobs, Command> = {
  get: statement<Jobs['get'], JobRecord>({
    name: 'jobRecord',
    values: (_at, id) => {
      const address = jobAddress(id);
      return [address?.laneId ?? '', address?.seq ?? 0];
    },
    decode: ({ rows }, id) => (rows[0] ? { ...rows[0], id } : null),
  }),
  progress: statement<Jobs['progress']>({
    name: 'noteProgress',
    values: (_at, { laneId, epoch }, { seq, done, total }) => [laneId, epoch, seq, done, total],
    decode: ({ rowCount }) => (rowCount === 0 ? (LOST as never) : undefined),
  }),
  keyed: statement<Jobs['keyed'], KeyedRow>({ name: 'keyedJobs', values: (_at, keys) => [keys], decode: ({ rows }) => rows.map(keyedOf) }),
  openKeys: statement<Jobs['openKeys'], KeyedRow>({
    name: 'openKeys', values: (_at, { prefix, after, limit }) => [prefix, after ?? '', limit], decode: ({ rows }) => rows.map(keyedOf),
  }),
};
