import { describe, expect, it } from 'vitest';
import { METRICS, createLog, createMetrics } from '../../src/telemetry/index.ts';

describe('metrics', () => {
  it('renders what was counted, as text and as JSON', async () => {
    const metrics = createMetrics();
    metrics.count('duplicates_total', { channel: 'chatwoot', kind: 'duplicate' });
    metrics.count('duplicates_total', { channel: 'chatwoot', kind: 'duplicate' }, 2);
    metrics.count('rescued_wakeups_total');
    metrics.gauge('dead_letters', { reason: 'crashed' }, 4);
    metrics.observe('api_request_duration_seconds', { endpoint: '/livez', method: 'GET', status: '200' }, 0.004);
    const text = await metrics.text();
    expect(text).toContain('duplicates_total{channel="chatwoot",kind="duplicate"} 3');
    expect(text).toContain('rescued_wakeups_total 1');
    expect(text).toContain('dead_letters{reason="crashed"} 4');
    expect(text).toContain('api_request_duration_seconds_bucket{le="0.005",endpoint="/livez",method="GET",status="200"} 1');
    expect(metrics.contentType).toContain('text/plain; version=0.0.4');
    const json = (await metrics.json()) as { metrics: { name: string; values: { value: number }[] }[] };
    expect(json.metrics.find(({ name }) => name === 'dead_letters')?.values[0]?.value).toBe(4);
  });

  it('has every declared metric from the start', async () => {
    const text = await createMetrics().text();
    for (const [name, { type }] of Object.entries(METRICS)) expect(text).toContain(`# TYPE ${name} ${type}`);
  });

  it('keeps names and labels that deployments rely on', () => {
    const labels = Object.fromEntries(Object.entries(METRICS).map(([name, row]) => [name, `${row.type} ${row.labels.join()}`]));
    expect(labels).toMatchObject({
      job_duration_seconds: 'histogram job_type,org_id,status',
      job_retry_count: 'counter job_type,org_id',
      api_request_duration_seconds: 'histogram endpoint,method,status',
      api_request_count: 'counter endpoint,method,status',
      db_query_duration_seconds: 'histogram query_type',
    });
  });

  it('an undeclared name, label or type is a mistake', () => {
    const metrics = createMetrics();
    expect(() => metrics.count('unheard_of_total')).toThrow('unheard_of_total');
    expect(() => metrics.count('duplicates_total', { colour: 'red' })).toThrow('colour');
    expect(() => metrics.gauge('duplicates_total', {}, 1)).toThrow('no gauge');
  });

  it('a mistake may be told instead of thrown', () => {
    const told: string[] = [];
    createMetrics({ onMistake: (error) => void told.push(error.message) }).count('unheard_of_total');
    expect(told).toHaveLength(1);
  });

  it('two processes in one do not mix', async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.count('rescued_wakeups_total');
    expect(await other.text()).not.toContain('rescued_wakeups_total 1');
  });
});

describe('the log', () => {
  function log(level: 'info' | 'silent' = 'info') {
    const lines: string[] = [];
    return { lines, log: createLog({ level, destination: { write: (line) => void lines.push(line) } }) };
  }

  it('writes one JSON object per line', () => {
    const { log: it, lines } = log();
    it.child({ orgId: 'org_a' }).warn({ laneId: 'cnv_1' }, 'fenced off');
    const line = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'warn', orgId: 'org_a', laneId: 'cnv_1', msg: 'fenced off' });
    expect(Date.parse(String(line.time))).not.toBeNaN();
  });

  it('holds its level', () => {
    const { log: it, lines } = log();
    it.debug({}, 'too small');
    expect(lines).toEqual([]);
  });

  it('shows neither secrets nor what people wrote', () => {
    const { log: it, lines } = log();
    it.info({ apiToken: 'hidden-word', channel: { webhookSecret: 'hidden-word' }, text: 'hidden-word', message: { body: 'hidden-word' }, request: { headers: { authorization: 'hidden-word' } } }, 'x');
    expect(lines.join()).not.toContain('hidden-word');
  });
});
