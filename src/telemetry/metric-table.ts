interface CounterRow {
  type: 'counter';
  help: string;
  labels: readonly string[];
}
interface GaugeRow {
  type: 'gauge';
  help: string;
  labels: readonly string[];
}
interface HistogramRow {
  type: 'histogram';
  help: string;
  labels: readonly string[];
  buckets: readonly number[];
}
export type MetricRow = CounterRow | GaugeRow | HistogramRow;

const counter = (help: string, ...labels: string[]): CounterRow => ({ type: 'counter', help, labels });
const gauge = (help: string, ...labels: string[]): GaugeRow => ({ type: 'gauge', help, labels });
const histogram = (help: string, labels: string[], buckets: number[]): HistogramRow => ({ type: 'histogram', help, labels, buckets });

const JOB_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
const API_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const QUERY_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Every metric there is. What is counted under another name is a mistake. */
export const METRICS: Readonly<Record<string, MetricRow>> = {
  job_duration_seconds: histogram('Time from taking a job in hand to its end', ['job_type', 'org_id', 'status'], JOB_SECONDS),
  job_retry_count: counter('Attempts that failed and will be repeated', 'job_type', 'org_id'),
  api_request_duration_seconds: histogram('Time to answer a request', ['endpoint', 'method', 'status'], API_SECONDS),
  api_request_count: counter('Requests answered', 'endpoint', 'method', 'status'),
  db_query_duration_seconds: histogram('Time of a command of the store', ['query_type'], QUERY_SECONDS),
  webhook_events_ignored_total: counter('Events of webhooks that are of no consequence', 'channel', 'event'),
  webhook_rejected_total: counter('Webhooks refused before anything was stored', 'channel', 'reason'),
  duplicates_total: counter('Repetitions recognised', 'channel', 'kind'),
  inbox_rate_limit_hits: counter('Actions refused because the org has done them too often', 'org_id', 'action'),
  verdicts_total: counter('Messages stored, by what was decided of them', 'org_id', 'verdict'),
  breaker_state: gauge('Breakers: 0 closed, 0.5 half open, 1 open', 'name'),
  provider_limit: gauge('Calls at once that a provider seems to take', 'name'),
  provider_in_flight: gauge('Calls to a provider under way in this process', 'name'),
  put_back_total: counter('Work put back because the other side takes no call for now', 'gate', 'why'),
  bot_loops_total: counter('Turns not answered because the other side seems to be a program', 'channel', 'sign'),
  handovers_total: counter('Conversations that the bot left to people', 'channel', 'reason'),
  turn_endings_total: counter('Turns ended, by how', 'channel', 'ending'),
  ambiguous_sends_total: counter('Sends whose fate was unknown, by how it was resolved', 'channel', 'resolution'),
  rescued_wakeups_total: counter('Lanes that the sweeper found with work nobody was told of'),
  breaker_open: gauge('1 while a breaker keeps calls away from what it guards', 'name'),
  degraded_mode: gauge('1 while a promise is kept by other means than configured', 'name'),
  job_concurrency: gauge('Turns at once that this process allows'),
  desired_workers: gauge('Workers there should be for what there is to do; the same from every process'),
  legacy_rows_taken_total: counter('Rows taken from the table queue that Chasqui takes over', 'type'),
  job_events_dropped_total: counter('Job events that other processes were not told of'),
  dead_letters: gauge('Dead letters kept', 'reason'),
  channel_requests_total: counter('Requests to platforms', 'channel', 'operation', 'result'),
  llm_tokens_total: counter('Tokens as the provider counted them', 'org_id', 'model', 'direction'),
};
