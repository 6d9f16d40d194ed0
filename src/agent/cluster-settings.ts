import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configMaps } from '#api/core/v1.ts';
import { writeFileAtomic } from '#base/atomic-file.ts';
import { backoffMs, sleep } from '#base/backoff.ts';
import type { Logger } from '#base/logger.ts';
import type { Client } from '#client/client.ts';

/** What every node of a cluster must know and only the server decides. */
export interface ClusterSettings {
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  /** Parts that the cluster runs without: `dns`, `proxy`. */
  readonly disabled: readonly string[];
}

/** Where the server publishes them for nodes. */
export const SETTINGS_KEY = { namespace: 'kube-system', name: 'skiff-cluster' } as const;

/** Asks the server, for as long as it takes, unless an earlier answer is on disk: a node starts alone. */
export async function loadClusterSettings(
  client: Client,
  { dataDir, log, signal }: { dataDir: string; log: Logger; signal: AbortSignal },
): Promise<ClusterSettings> {
  const path = join(dataDir, 'agent', 'cluster.json');
  for (let failures = 1; ; failures++) {
    try {
      const { data } = await client.get(configMaps, SETTINGS_KEY, { signal });
      const text = data?.['settings'] ?? '';
      const settings = JSON.parse(text) as ClusterSettings;
      await writeFileAtomic(path, text);
      return settings;
    } catch (error) {
      signal.throwIfAborted();
      const known = await readFile(path, 'utf8').catch(() => undefined);
      if (known !== undefined) {
        log.warn({ err: error }, 'server is away, going on with the settings it gave last');
        return JSON.parse(known) as ClusterSettings;
      }
      log.warn({ err: error }, 'cannot get the settings of the cluster yet');
      await sleep(backoffMs(failures, { initialMs: 200, maxMs: 10_000 }), signal);
    }
  }
}
