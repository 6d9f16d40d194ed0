import process from 'node:process';
import type { Metrics } from './metrics.ts';
import type { ResourceState } from './state/resource-state.ts';

export interface GaugeSources {
  readonly watches: () => number;
  readonly resources: () => Iterable<ResourceState>;
  readonly revision: () => number;
}

/** What the server measures of itself, read when somebody asks. */
export function addServerGauges(metrics: Metrics, { watches, resources, revision }: GaugeSources): void {
  const single = (value: () => number) => () => [{ labels: {}, value: value() }];
  const perResource = (value: (state: ResourceState) => number) => () =>
    [...resources()].map((state) => ({ labels: { resource: resourceOf(state) }, value: value(state) }));
  metrics.addGauge({
    name: 'apiserver_registered_watchers',
    help: 'Watches that are open over HTTP.',
    read: single(watches),
  });
  metrics.addGauge({
    name: 'apiserver_storage_objects',
    help: 'Stored objects by resource.',
    read: perResource(({ size }) => size),
  });
  metrics.addGauge({
    name: 'apiserver_storage_size_bytes',
    help: 'JSON bytes of the stored objects by resource.',
    read: perResource(({ sizeBytes }) => sizeBytes),
  });
  metrics.addGauge({
    name: 'apiserver_storage_revision',
    help: 'The newest revision.',
    type: 'counter',
    read: single(revision),
  });
  metrics.addGauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory size in bytes.',
    read: single(() => process.memoryUsage.rss()),
  });
  metrics.addGauge({
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    type: 'counter',
    read: single(() => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }),
  });
}

/** `pods`, `deployments.apps` */
function resourceOf({ prefix }: ResourceState): string {
  const [, , group = '', plural = ''] = prefix.split('/');
  return group === 'core' ? plural : `${plural}.${group}`;
}
