import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { resolveConfig } from '../../src/config/index.ts';
import type { Settings } from '../../src/config/index.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';
import * as shapes from '../../src/http/shapes.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string): string => readFileSync(root + name, 'utf8');
const yaml = <T>(name: string): T => parse(read(name), { strict: true, uniqueKeys: true, merge: true }) as T;
const documents = (text: string): Manifest[] => parseAllDocuments(text, { strict: true, uniqueKeys: true }).map((document) => document.toJS() as Manifest);

type Env = Record<string, string>;

/** What the operator's own part (.env, the secret) has to hold at least. */
const OPERATOR: Env = {
  CHATWOOT_BASE_URL: 'https://chat.example', CHATWOOT_ACCOUNT_ID: '1', CHATWOOT_API_TOKEN: 't', CHATWOOT_WEBHOOK_SECRET: 's',
  DATABASE_URL: 'postgres://chasqui:p@postgres:5432/chasqui', REDIS_URL: 'redis://:p@redis:6379', ADMIN_TOKEN: 'x'.repeat(32),
};

/** Names and values that Chasqui accepts, with nothing unknown among them. */
function accepted(env: Env): Settings {
  expect(Object.keys(env).filter((name) => !(SETTING_NAMES as readonly string[]).includes(name))).toEqual([]);
  for (const value of Object.values(env)) expect(value).toBeTypeOf('string');
  return resolveConfig({ env: { ...OPERATOR, ...env } }).settings;
}

const seconds = (text: string): number => Number(/^(\d+)s$/.exec(text)?.[1]);
const stopMs = ({ shutdownTimeoutMs }: Settings): number => shutdownTimeoutMs;

describe('ops/compose/scaled.yaml', () => {
  interface Service {
    image: string;
    build?: { context: string; dockerfile: string };
    command?: string[];
    ports?: string[];
    environment: Env;
    env_file?: { path: string }[];
    depends_on?: Record<string, { condition: string }>;
    healthcheck?: { test: string[]; interval: string; timeout: string; retries: number };
    stop_grace_period: string;
    volumes?: string[];
    read_only?: boolean;
    container_name?: string;
    mem_limit: string;
  }
  const compose = yaml<{ services: Record<string, Service>; volumes: Record<string, null> }>('ops/compose/scaled.yaml');
  const { api, ai_worker: worker, postgres, redis } = compose.services as { api: Service; ai_worker: Service; postgres: Service; redis: Service };
  const chasqui = { api: accepted(api.environment), worker: accepted(worker.environment) };

  it('is an API, workers that may be many, PostgreSQL and Redis', () => {
    expect(Object.keys(compose.services)).toEqual(['api', 'ai_worker', 'postgres', 'redis']);
    expect([chasqui.api.appMode, chasqui.worker.appMode]).toEqual(['api', 'worker']);
    expect([worker.ports, worker.container_name]).toEqual([undefined, undefined]);
    expect(worker.image).toBe(api.image);
    expect(api.build).toEqual({ context: '../..', dockerfile: 'ops/docker/Dockerfile' });
    for (const one of [api, worker]) expect(one.env_file).toEqual([{ path: '../../.env', required: false }]);
  });

  it('publishes the port of the API on loopback, and nothing else', () => {
    expect(api.ports).toEqual([`127.0.0.1:8787:${chasqui.api.port}`]);
    expect([postgres.ports, redis.ports]).toEqual([undefined, undefined]);
  });

  it('can be asked for its health everywhere: ours by the health check of the image, the servers by their own tools', () => {
    expect(read('ops/docker/Dockerfile')).toContain('CMD ["node", "dist/main.js", "healthcheck"]');
    expect(chasqui.worker.workerPort).toBeTypeOf('number');
    for (const one of [chasqui.api, chasqui.worker]) expect(one.host).toBe('0.0.0.0');
    expect(postgres.healthcheck?.test).toEqual(['CMD', 'pg_isready', `--username=${postgres.environment.POSTGRES_USER}`, `--dbname=${postgres.environment.POSTGRES_DB}`]);
    expect(redis.healthcheck?.test.join(' ')).toContain('redis-cli ping');
    for (const one of [api, worker]) expect(one.depends_on).toEqual({ postgres: { condition: 'service_healthy' }, redis: { condition: 'service_healthy' } });
    expect(read('ops/compose/scaled.yaml')).not.toContain('curl');
  });

  it('connects to the servers that are there, with the passwords that they have, and no default for these', () => {
    for (const { environment } of [api, worker]) {
      expect(environment.DATABASE_URL).toBe(`postgres://${postgres.environment.POSTGRES_USER}:\${POSTGRES_PASSWORD:?set it in .env}@postgres:5432/${postgres.environment.POSTGRES_DB}`);
      expect(environment.REDIS_URL).toBe('redis://:${REDIS_PASSWORD:?set it in .env}@redis:6379');
    }
    expect(postgres.environment.POSTGRES_PASSWORD).toBe('${POSTGRES_PASSWORD:?set it in .env}');
    expect(redis.command?.slice(redis.command.indexOf('--requirepass'))).toEqual(['--requirepass', '${REDIS_PASSWORD:?set it in .env}']);
    expect(redis.environment.REDISCLI_AUTH).toBe('${REDIS_PASSWORD:?set it in .env}');
  });

  it('keeps what is in Redis and PostgreSQL', () => {
    const options = redis.command?.join(' ');
    for (const option of ['--appendonly yes', '--appendfsync everysec', '--maxmemory-policy noeviction', '--maxmemory 256mb']) expect(options).toContain(option);
    expect(Number.parseInt(redis.mem_limit, 10)).toBeGreaterThan(256);
    expect(postgres.volumes).toEqual(['postgres:/var/lib/postgresql/data']);
    expect(redis.volumes).toEqual(['redis:/data']);
    expect(Object.keys(compose.volumes)).toEqual(['postgres', 'redis']);
  });

  it('waits longer than an orderly stop may take', () => {
    expect(seconds(api.stop_grace_period) * 1000).toBeGreaterThan(stopMs(chasqui.api));
    expect(seconds(worker.stop_grace_period) * 1000).toBeGreaterThan(stopMs(chasqui.worker));
    for (const one of [api, worker]) expect([one.read_only, one.mem_limit]).toEqual([true, '512m']);
  });
});

interface Probe {
  httpGet: { path: string; port: string };
  timeoutSeconds: number;
}
interface Container {
  image: string;
  ports: { name: string; containerPort: number }[];
  env?: unknown;
  envFrom: { secretRef?: { name: string }; configMapRef?: { name: string } }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  resources: { requests: { memory: string }; limits: { memory: string } };
  securityContext: object;
  volumeMounts: { name: string; mountPath: string }[];
}
interface Pod {
  terminationGracePeriodSeconds: number;
  securityContext: object;
  containers: Container[];
  volumes: { name: string }[];
}
interface Manifest {
  kind: string;
  metadata: { name: string };
  data?: Env;
  spec: {
    replicas?: number;
    selector: { matchLabels: Env };
    template: { metadata: { labels: Env }; spec: Pod };
  } & Record<string, unknown>;
}

/** The configuration that a pod gets: all of its maps, in their order. */
function settingsOf(container: Container, maps: Record<string, Env>): Settings {
  const env = container.envFrom.flatMap(({ configMapRef }) => (configMapRef ? [maps[configMapRef.name] as Env] : []));
  return accepted(Object.assign({}, ...env) as Env);
}

describe('ops/kubernetes/split', () => {
  const folder = 'ops/kubernetes/split';
  const kustomization = yaml<{ resources: string[]; configMapGenerator: { name: string; literals: string[] }[] }>(`${folder}/kustomization.yaml`);
  const maps = Object.fromEntries(kustomization.configMapGenerator.map(({ name, literals }) => [name, Object.fromEntries(literals.map((line) => line.split('=') as [string, string]))]));
  const manifests = kustomization.resources.flatMap((name) => documents(read(`${folder}/${name}`)));
  const of = (kind: string, name: string): Manifest => manifests.find((one) => one.kind === kind && one.metadata.name === name) as Manifest;
  const parts = (['api', 'worker'] as const).map((component) => {
    const deployment = of('Deployment', `chasqui-${component}`);
    const pod = deployment.spec.template.spec;
    const container = pod.containers[0] as Container;
    return { component, deployment, pod, container, settings: settingsOf(container, maps) };
  });
  const [api, worker] = parts as [(typeof parts)[0], (typeof parts)[0]];

  it('has two deployments, a service and a budget for each', () => {
    expect(manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      'Deployment/chasqui-api', 'Deployment/chasqui-worker', 'Service/chasqui', 'PodDisruptionBudget/chasqui-api', 'PodDisruptionBudget/chasqui-worker',
    ]);
    expect(parts.map(({ settings }) => settings.appMode)).toEqual(['api', 'worker']);
  });

  it.each(parts)('$component: selects its own pods, in the deployment and in its budget', ({ component, deployment }) => {
    const labels = { 'app.kubernetes.io/component': component };
    expect(deployment.spec.selector.matchLabels).toEqual(labels);
    expect(deployment.spec.template.metadata.labels).toEqual(labels);
    const budget = of('PodDisruptionBudget', `chasqui-${component}`);
    expect(budget.spec.selector.matchLabels).toEqual(labels);
    // A budget that allows nothing would keep nodes from being drained.
    expect(budget.spec.maxUnavailable).toBe(1);
    expect(deployment.spec.replicas).toBeGreaterThan(1);
  });

  it.each(parts)('$component: asks the three probes at the port that is served', ({ component, container, settings }) => {
    expect([container.startupProbe, container.livenessProbe, container.readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual(['/startupz', '/livez', '/readyz']);
    for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) expect(probe.httpGet.port).toBe('http');
    expect(container.ports).toEqual([{ name: 'http', containerPort: component === 'worker' ? settings.workerPort : settings.port }]);
    // The store has a second to answer /readyz.
    expect(container.readinessProbe.timeoutSeconds).toBeGreaterThan(1);
    expect(settings.host).toBe('0.0.0.0');
  });

  it.each(parts)('$component: is not killed while it stops, and the secret does not decide on its times', ({ component, pod, container, settings }) => {
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(settings.drainDelayMs + settings.shutdownTimeoutMs);
    expect(container.env).toBeUndefined();
    expect(container.envFrom).toEqual([{ secretRef: { name: 'chasqui' } }, { configMapRef: { name: 'chasqui-settings' } }, { configMapRef: { name: `chasqui-${component}-settings` } }]);
    for (const name of ['APP_MODE', 'DRAIN_DELAY_MS', 'SHUTDOWN_TIMEOUT_MS']) expect(maps[`chasqui-${component}-settings`]).toHaveProperty(name);
  });

  it.each(parts)('$component: is not root, writes nowhere but to /tmp, and has 512 MB', ({ pod, container }) => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
    expect(container.resources).toMatchObject({ requests: { memory: '512Mi' }, limits: { memory: '512Mi' } });
    expect(container.volumeMounts.map(({ name }) => name)).toEqual(pod.volumes.map(({ name }) => name));
  });

  it('sends traffic to the API only', () => {
    const service = of('Service', 'chasqui').spec as unknown as { selector: Env; ports: { port: number; targetPort: string }[] };
    expect(service.selector).toEqual(api.deployment.spec.selector.matchLabels);
    expect(service.ports).toMatchObject([{ targetPort: api.container.ports[0]?.name }]);
  });

  it('drains the API, which gets traffic, and lets the turns of a worker end', () => {
    expect([api.settings.drainDelayMs, worker.settings.drainDelayMs]).toEqual([5000, 0]);
    expect(worker.settings.shutdownTimeoutMs).toBeGreaterThan(worker.settings.workerProcessingTimeoutMs);
  });

  it('has the API and the workers agree on what a worker does', () => {
    for (const key of ['workerConcurrency', 'localQueueConcurrency', 'autoscaleMaxConcurrency', 'scalingMinWorkers', 'scalingMaxWorkers', 'scalingMaxWaitMs'] as const) {
      expect(api.settings[key]).toBe(worker.settings[key]);
    }
  });

  it("fits into PostgreSQL's default of 100 connections, three of which are kept for its administrator", () => {
    const { databaseConnections, scalingMaxWorkers } = worker.settings;
    const surge = 2;
    const pods = (api.deployment.spec.replicas as number) + scalingMaxWorkers + surge;
    // Two more each, which listen.
    expect(pods * (databaseConnections + 2)).toBeLessThanOrEqual(97);
  });

  describe('../keda', () => {
    interface Scaled {
      spec: {
        scaleTargetRef: { name: string };
        minReplicaCount: number;
        maxReplicaCount: number;
        fallback: { replicas: number };
        triggers: { type: string; metricType: string; metadata: Env; authenticationRef: { name: string } }[];
      };
    }
    const keda = documents(read('ops/kubernetes/keda/scaledobject.yaml'));
    const scaled = keda.find(({ kind }) => kind === 'ScaledObject') as unknown as Scaled;
    const authentication = keda.find(({ kind }) => kind === 'TriggerAuthentication') as unknown as { metadata: { name: string }; spec: { secretTargetRef: object[] } };
    const trigger = scaled.spec.triggers[0] as Scaled['spec']['triggers'][0];

    it('scales the workers between the limits that the figure keeps', () => {
      expect(scaled.spec.scaleTargetRef.name).toBe(worker.deployment.metadata.name);
      expect([scaled.spec.minReplicaCount, scaled.spec.maxReplicaCount]).toEqual([api.settings.scalingMinWorkers, api.settings.scalingMaxWorkers]);
      expect(scaled.spec.fallback.replicas).toBeGreaterThanOrEqual(scaled.spec.minReplicaCount);
    });

    it('asks a route that exists for a field that it has, one replica for each', () => {
      expect([trigger.type, trigger.metricType, trigger.metadata.targetValue]).toEqual(['metrics-api', 'AverageValue', '1']);
      const url = new URL(trigger.metadata.url as string);
      expect([url.hostname.split('.')[0], url.pathname]).toEqual([of('Service', 'chasqui').metadata.name, '/v1/scaling']);
      expect(Object.keys(shapes.scaling.shape)).toContain(trigger.metadata.valueLocation);
    });

    it('with the admin token, as a bearer', () => {
      expect(trigger.metadata.authMode).toBe('bearer');
      expect(trigger.authenticationRef.name).toBe(authentication.metadata.name);
      expect(authentication.spec.secretTargetRef).toEqual([{ parameter: 'token', name: 'chasqui', key: 'ADMIN_TOKEN' }]);
    });
  });

  const hasKubectl = spawnSync('kubectl', ['version', '--client'], { timeout: 10_000 }).status === 0;
  it.runIf(hasKubectl)('is built by kustomize, with and without KEDA, which alone leaves the number of workers open', () => {
    const built = ['split', 'keda'].map((name) => {
      const { stdout, stderr, status } = spawnSync('kubectl', ['kustomize', `${root}ops/kubernetes/${name}`], { encoding: 'utf8', timeout: 20_000 });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      return documents(stdout);
    });
    const replicas = built.map((all) => all.filter(({ kind }) => kind === 'Deployment').map(({ spec }) => spec.replicas));
    expect(replicas).toEqual([[2, 2], [2, undefined]]);
    for (const all of built) {
      const names = new Set(all.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name));
      for (const { spec } of all.filter(({ kind }) => kind === 'Deployment')) {
        const used = spec.template.spec.containers.flatMap(({ envFrom }) => envFrom.flatMap(({ configMapRef }) => (configMapRef ? [configMapRef.name] : [])));
        expect(used.filter((name) => !names.has(name))).toEqual([]);
        expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
      }
    }
  });
});
