import { startFront } from './front.ts';
import type { Front } from './front.ts';
import type { Happenings } from './happenings.ts';
import { Lives } from './lives.ts';
import type { Plan, ProcessStep } from './plan.ts';
import { lastingPort } from './ports.ts';
import { envOf } from './scale.ts';
import type { Servers } from './servers.ts';

export interface FleetOptions {
  plan: Plan;
  servers: Servers;
  happenings: Happenings;
  /** Settings of every process. */
  env: Record<string, string>;
}

const handedDown = ['PATH', 'NODE_COMPILE_CACHE'] as const;

/** What a child process inherits of our own environment: nothing that could configure it. */
export function ownEnv(): Record<string, string> {
  return Object.fromEntries(handedDown.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

/** All processes of one Chasqui, and the address that they share. */
export class Fleet {
  readonly #members: Lives[];
  readonly #front: Front;
  /** Of one process that answers HTTP. */
  readonly url: string;

  private constructor(members: Lives[], front: Front, url: string) {
    this.#members = members;
    this.#front = front;
    this.url = url;
  }

  static async open({ plan, servers, happenings, env }: FleetOptions): Promise<Fleet> {
    const ports = await Promise.all(plan.members.map(() => lastingPort()));
    const members = plan.members.map((member, index) => {
      const own = { APP_MODE: member.role, PORT: String(ports[index]), ...servers.env(index) };
      return new Lives({ plan, member, happenings, env: { ...ownEnv(), ...envOf(plan.cell), ...plan.env, ...env, ...own }, storeWasDownSince: (at) => servers.wasDownSince(at) });
    });
    const serving = ports.filter((_, index) => plan.members[index]?.role !== 'worker');
    const front = await startFront({ ready: () => serving });
    return new Fleet(members, front, `http://127.0.0.1:${serving[0]}`);
  }

  /** Where webhooks go: to one process after the other, whether it lives or not. */
  get webhookUrl(): string {
    return `http://127.0.0.1:${this.#front.port}/chatwoot/webhook`;
  }

  get log(): string {
    return this.#members.map(({ log }) => log).join('\n');
  }

  /** Processes used so far. */
  get processes(): number {
    return this.#members.reduce((sum, { count }) => sum + count, 0);
  }

  get rescued(): number {
    return this.#members.reduce((sum, { rescued }) => sum + rescued, 0);
  }

  /** Processes that do without Redis, which they were told to use. */
  get degraded(): string[] {
    return this.#members.flatMap(({ degraded }) => degraded);
  }

  /** Resolves when every process has served, however often that took. */
  async start(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.start()));
    await Promise.all(this.#members.map((member) => member.serving()));
  }

  strike(step: ProcessStep): Promise<void> {
    return this.#members[step.member]?.strike(step) ?? Promise.resolve();
  }

  async heal(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.heal()));
  }

  async end(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.end()));
  }

  async close(): Promise<void> {
    await this.end();
    await this.#front.close();
  }
}
