import { statfs } from 'node:fs/promises';
import { type PodIdentity, podIdentity } from '../pod-names.ts';
import type { PodTable } from '../pods/pod-table.ts';
import type { ContainerView } from '../pods/pod-view.ts';
import type { RuntimeMirror } from '../pods/runtime-mirror.ts';
import { type CgroupUsage, readCgroup } from './cgroup.ts';
import { readInterfaces, readNodeUsage } from './node-usage.ts';

export interface StatsDeps {
  readonly table: PodTable;
  readonly mirror: RuntimeMirror;
  readonly nodeName: string;
  readonly dataDir: string;
  readonly cgroupVersion: () => 1 | 2;
  /** When the machine and the agent's view of it began. */
  readonly startedMs: number;
}

export interface ContainerSample {
  readonly pod: PodIdentity;
  readonly container: ContainerView;
  readonly usage: CgroupUsage;
}

/** Use of CPU and memory of everything that runs, read now. */
export async function sampleContainers({ table, mirror, cgroupVersion }: StatsDeps): Promise<ContainerSample[]> {
  const version = cgroupVersion();
  const running = table.list().flatMap(({ uid, pod }) =>
    mirror
      .containers(uid)
      .filter(({ status }) => status === 'running')
      .map((container) => ({ pod: podIdentity(pod), container })),
  );
  const samples = await Promise.all(
    running.map(async ({ pod, container }) => {
      const usage =
        container.cgroupPath === undefined ? undefined : await readCgroup(container.cgroupPath, { version });
      return usage === undefined ? [] : [{ pod, container, usage }];
    }),
  );
  return samples.flat();
}

/** The body of `/stats/summary`. */
export async function statsSummary(deps: StatsDeps, now: Date): Promise<object> {
  const time = now.toISOString();
  const [node, samples, disk] = await Promise.all([readNodeUsage(), sampleContainers(deps), statfs(deps.dataDir)]);
  const fs = {
    time,
    availableBytes: disk.bavail * disk.bsize,
    capacityBytes: disk.blocks * disk.bsize,
    usedBytes: (disk.blocks - disk.bfree) * disk.bsize,
    inodesFree: disk.ffree,
    inodes: disk.files,
    inodesUsed: disk.files - disk.ffree,
  };
  const byPod = Map.groupBy(samples, ({ pod }) => pod.uid);
  const pods = await Promise.all([...byPod.values()].map((ofPod) => podSummary(deps, ofPod, time)));
  return {
    node: {
      nodeName: deps.nodeName,
      startTime: new Date(deps.startedMs).toISOString(),
      ...usageFields(node, time),
      fs,
      runtime: { imageFs: fs },
    },
    pods,
  };
}

async function podSummary({ mirror }: StatsDeps, samples: readonly ContainerSample[], time: string): Promise<object> {
  const [first] = samples;
  if (first === undefined) return {};
  const { uid, name, namespace } = first.pod;
  const [sandbox] = mirror.sandboxes(uid);
  const interfaces = sandbox === undefined ? [] : await readInterfaces(sandbox.pid);
  const total = samples.map(({ usage }) => usage).reduce(addUsage);
  return {
    podRef: { name, namespace, uid },
    startTime: first.container.startedAt,
    containers: samples.map(({ container, usage }) => ({
      name: container.name,
      startTime: container.startedAt,
      ...usageFields(usage, time),
    })),
    ...usageFields(total, time),
    ...(interfaces.length > 0 ? { network: { time, ...interfaces[0], interfaces } } : {}),
  };
}

function addUsage(a: CgroupUsage, b: CgroupUsage): CgroupUsage {
  return {
    cpuNanoseconds: a.cpuNanoseconds + b.cpuNanoseconds,
    memoryBytes: a.memoryBytes + b.memoryBytes,
    workingSetBytes: a.workingSetBytes + b.workingSetBytes,
    rssBytes: a.rssBytes + b.rssBytes,
  };
}

function usageFields({ cpuNanoseconds, memoryBytes, workingSetBytes, rssBytes }: CgroupUsage, time: string): object {
  return {
    cpu: { time, usageCoreNanoSeconds: cpuNanoseconds },
    memory: { time, usageBytes: memoryBytes, workingSetBytes, rssBytes },
  };
}

/** The body of `/metrics/resource`. */
export async function resourceMetrics(deps: StatsDeps, now: Date): Promise<string> {
  const [node, samples] = await Promise.all([readNodeUsage(), sampleContainers(deps)]);
  const at = now.getTime();
  const each = (value: (sample: ContainerSample) => number) =>
    samples.map(({ pod, container, usage }) => ({
      labels: { container: container.name, namespace: pod.namespace, pod: pod.name },
      value: value({ pod, container, usage }),
    }));
  const byPod = [...Map.groupBy(samples, ({ pod }) => pod.uid).values()].map((ofPod) => ({
    labels: { namespace: ofPod[0]?.pod.namespace ?? '', pod: ofPod[0]?.pod.name ?? '' },
    usage: ofPod.map(({ usage }) => usage).reduce(addUsage),
  }));
  const seconds = (nanoseconds: number) => nanoseconds / 1e9;
  return [
    metric(
      'node_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the node in core-seconds',
      [{ labels: {}, value: seconds(node.cpuNanoseconds) }],
      at,
    ),
    metric(
      'node_memory_working_set_bytes',
      'gauge',
      'Current working set of the node in bytes',
      [{ labels: {}, value: node.workingSetBytes }],
      at,
    ),
    metric(
      'container_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the container in core-seconds',
      each(({ usage }) => seconds(usage.cpuNanoseconds)),
      at,
    ),
    metric(
      'container_memory_working_set_bytes',
      'gauge',
      'Current working set of the container in bytes',
      each(({ usage }) => usage.workingSetBytes),
      at,
    ),
    metric(
      'container_start_time_seconds',
      'gauge',
      'Start time of the container since unix epoch in seconds',
      each(({ container }) => Date.parse(container.startedAt ?? '') / 1000 || 0),
    ),
    metric(
      'pod_cpu_usage_seconds_total',
      'counter',
      'Cumulative cpu time consumed by the pod in core-seconds',
      byPod.map(({ labels, usage }) => ({ labels, value: seconds(usage.cpuNanoseconds) })),
      at,
    ),
    metric(
      'pod_memory_working_set_bytes',
      'gauge',
      'Current working set of the pod in bytes',
      byPod.map(({ labels, usage }) => ({ labels, value: usage.workingSetBytes })),
      at,
    ),
    metric('resource_scrape_error', 'gauge', '1 if there was an error while getting container metrics, 0 otherwise', [
      { labels: {}, value: 0 },
    ]),
  ].join('');
}

interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric in the text format of Prometheus. */
export function metric(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  samples: readonly Sample[],
  atMs?: number,
): string {
  const lines = samples.map(({ labels, value }) => {
    const inner = Object.entries(labels)
      .map(([key, text]) => `${key}=${JSON.stringify(text)}`)
      .join(',');
    return `${name}${inner === '' ? '' : `{${inner}}`} ${value}${atMs === undefined ? '' : ` ${atMs}`}`;
  });
  return [`# HELP ${name} [STABLE] ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
}
