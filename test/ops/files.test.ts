import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { resolveConfig } from '../../src/config/index.ts';
import { SETTING_NAMES } from '../../src/config/settings.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (name: string): string => readFileSync(root + name, 'utf8');
const yaml = <T>(name: string): T => parse(read(name), { strict: true, uniqueKeys: true }) as T;

type Env = Record<string, string>;

/** Names and values that Chasqui accepts, with nothing unknown among them. */
function accepted(env: Env) {
  expect(Object.keys(env).filter((name) => !(SETTING_NAMES as readonly string[]).includes(name))).toEqual([]);
  for (const value of Object.values(env)) expect(value).toBeTypeOf('string');
  return resolveConfig({ env }).settings;
}

describe('ops/compose/compose.yaml', () => {
  interface Service {
    build: { context: string; dockerfile: string };
    ports: string[];
    environment: Env;
    env_file: { path: string; required: boolean }[];
    stop_grace_period: string;
    volumes: string[];
    read_only: boolean;
    tmpfs: string[];
  }
  const compose = yaml<{ services: Record<string, Service>; volumes: Record<string, null> }>('ops/compose/compose.yaml');
  const service = compose.services.chasqui as Service;
  const settings = accepted(service.environment);

  it('is one service, built from the Dockerfile', () => {
    expect(Object.keys(compose.services)).toEqual(['chasqui']);
    expect(service.build).toEqual({ context: '../..', dockerfile: 'ops/docker/Dockerfile' });
    expect(service.env_file).toEqual([{ path: '../../.env', required: false }]);
  });

  it('keeps the data on a volume that it declares, and nothing else is writable', () => {
    expect(service.volumes).toEqual([`data:${settings.dataDir}`]);
    expect(Object.keys(compose.volumes)).toEqual(['data']);
    expect(service.read_only).toBe(true);
    expect(service.tmpfs).toEqual(['/tmp']);
  });

  it('publishes the port on loopback only', () => {
    expect(service.ports).toEqual([`127.0.0.1:8787:${settings.port}`]);
    expect(settings.host).toBe('0.0.0.0');
  });

  it('waits longer than an orderly stop may take', () => {
    expect(service.stop_grace_period).toMatch(/^\d+s$/);
    expect(Number.parseInt(service.stop_grace_period, 10) * 1000).toBeGreaterThan(settings.shutdownTimeoutMs + settings.drainDelayMs);
  });
});

interface Probe {
  httpGet: { path: string; port: string };
  periodSeconds: number;
  timeoutSeconds: number;
  failureThreshold: number;
}
interface Container {
  image: string;
  ports: { name: string; containerPort: number }[];
  env: { name: string; value: string }[];
  envFrom: { secretRef?: { name: string }; configMapRef?: { name: string } }[];
  startupProbe: Probe;
  livenessProbe: Probe;
  readinessProbe: Probe;
  resources: { limits: { memory: string } };
  securityContext: { readOnlyRootFilesystem: boolean; allowPrivilegeEscalation: boolean };
  volumeMounts: { name: string; mountPath: string }[];
}
interface StatefulSet {
  kind: string;
  spec: {
    replicas: number;
    serviceName: string;
    selector?: { matchLabels: Record<string, string> };
    template: {
      metadata?: { labels: Record<string, string> };
      spec: {
        terminationGracePeriodSeconds: number;
        securityContext: { runAsNonRoot: boolean; runAsUser: number; fsGroup: number };
        containers: Container[];
        volumes: { name: string }[];
      };
    };
    volumeClaimTemplates: { metadata: { name: string }; spec: { accessModes: string[] } }[];
  };
}
interface Kustomization {
  resources: string[];
  configMapGenerator: { name: string; literals: string[] }[];
}

describe('ops/kubernetes/base', () => {
  const folder = 'ops/kubernetes/base';
  const kustomization = yaml<Kustomization>(`${folder}/kustomization.yaml`);
  const { spec } = yaml<StatefulSet>(`${folder}/statefulset.yaml`);
  const pod = spec.template.spec;
  const container = pod.containers[0] as Container;
  const literals = Object.fromEntries((kustomization.configMapGenerator[0]?.literals ?? []).map((line) => line.split('=') as [string, string]));
  const settings = accepted({ ...literals, ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])) });

  it('has only resources that exist', () => {
    const kinds = kustomization.resources.map((name) => yaml<{ kind: string }>(`${folder}/${name}`).kind);
    expect(kinds).toEqual(['StatefulSet', 'Service']);
  });

  it('is one pod, and never two, with a claim of its own under DATA_DIR', () => {
    expect([spec.replicas, pod.containers.length]).toEqual([1, 1]);
    expect(spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual(['data']);
    expect(container.volumeMounts).toContainEqual({ name: 'data', mountPath: settings.dataDir });
    const declared = [...spec.volumeClaimTemplates.map(({ metadata }) => metadata.name), ...pod.volumes.map(({ name }) => name)];
    expect(container.volumeMounts.map(({ name }) => name).toSorted()).toEqual(declared.toSorted());
  });

  it('asks the three probes at the port that is served', () => {
    const { startupProbe, livenessProbe, readinessProbe } = container;
    expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual(['/startupz', '/livez', '/readyz']);
    expect(container.ports).toEqual([{ name: 'http', containerPort: settings.port }]);
    for (const probe of [startupProbe, livenessProbe, readinessProbe]) expect(probe.httpGet.port).toBe('http');
    // The store has a second to answer /readyz.
    expect(readinessProbe.timeoutSeconds).toBeGreaterThan(1);
    expect(yaml<{ spec: { ports: { targetPort: string }[] } }>(`${folder}/service.yaml`).spec.ports[0]?.targetPort).toBe('http');
  });

  it('drains before it stops, and is not killed meanwhile', () => {
    expect(settings.drainDelayMs).toBe(5000);
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(settings.drainDelayMs + settings.shutdownTimeoutMs);
    // The settings of the pod win over the secret of the operator: of envFrom the last one counts.
    expect(container.envFrom).toEqual([{ secretRef: { name: 'chasqui' } }, { configMapRef: { name: kustomization.configMapGenerator[0]?.name } }]);
  });

  it('is not root and writes nowhere else', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 });
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
    expect(container.resources.limits.memory).toBe('512Mi');
  });

  const hasKubectl = spawnSync('kubectl', ['version', '--client'], { timeout: 10_000 }).status === 0;
  it.runIf(hasKubectl)('is built by kustomize, with a selector that finds the pod', () => {
    const { stdout, status } = spawnSync('kubectl', ['kustomize', root + folder], { encoding: 'utf8', timeout: 20_000 });
    expect(status).toBe(0);
    const built = parseAllDocuments(stdout).map((document) => document.toJS() as StatefulSet);
    expect(built.map(({ kind }) => kind).toSorted()).toEqual(['ConfigMap', 'Service', 'StatefulSet']);
    const set = built.find(({ kind }) => kind === 'StatefulSet') as StatefulSet;
    expect(set.spec.selector?.matchLabels).toEqual({ 'app.kubernetes.io/name': 'chasqui' });
    expect(set.spec.template.metadata?.labels).toMatchObject(set.spec.selector?.matchLabels ?? {});
    expect(set.spec.template.spec.containers[0]?.image).toBe('chasqui:local');
  });
});

describe('railway.json', () => {
  const railway = JSON.parse(read('railway.json')) as { $schema: string; build: Record<string, unknown>; deploy: Record<string, unknown> };

  it('has only fields of https://docs.railway.com/config-as-code/reference, in the types that Railway takes', () => {
    expect(Object.keys(railway)).toEqual(['$schema', 'build', 'deploy']);
    expect(railway.build).toEqual({ builder: 'DOCKERFILE', dockerfilePath: 'ops/docker/Dockerfile' });
    expect(railway.deploy).toEqual({
      healthcheckPath: '/readyz',
      healthcheckTimeout: expect.any(Number),
      restartPolicyType: 'ALWAYS',
      overlapSeconds: 0,
      drainingSeconds: expect.any(Number),
    });
    expect(read('ops/docker/Dockerfile')).toContain('FROM');
  });

  it('waits longer than an orderly stop may take by default', () => {
    expect((railway.deploy.drainingSeconds as number) * 1000).toBeGreaterThan(resolveConfig({}).settings.shutdownTimeoutMs);
  });
});
