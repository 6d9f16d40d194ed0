import { readdir, readFile, readlink, rm, rmdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '#base/logger.ts';
import { run } from '#base/process.ts';
import { Client } from '#client/client.ts';
import { InformerCache } from '#client/informer-cache.ts';
import { DnsServer } from '#dns/dns-server.ts';
import { ServiceProxy } from '#proxy/service-proxy.ts';
import { BridgeNetwork } from './network/bridge-network.ts';
import { DockerRuntime } from './runtime/docker/docker-runtime.ts';

export interface TraceOptions {
  readonly dockerSocket: string;
  readonly dataDir: string;
  readonly runDir: string;
  readonly logDir: string;
  readonly nodeName: string | undefined;
}

/**
 * Undoes what a node did to its machine: containers, links, packet filter rules, mounts, links to logs. Goes on after a failure;
 * returns what could not be removed. `tell` hears of each part that is gone.
 */
export async function removeTraces(
  options: TraceOptions,
  log: Logger,
  tell: (what: string) => void,
): Promise<string[]> {
  const problems: string[] = [];
  const { proxy, dns, network } = networkParts(options, log);
  const steps: [string, () => Promise<unknown>][] = [
    ['containers', () => removeContainers(options, log)],
    ['service rules', () => proxy.removeAll()],
    ['DNS address', () => dns.removeAll()],
    ['pod network', () => network.removeAll()],
    ['mounts', () => unmountBelow([options.dataDir, options.runDir])],
    ['run folder', () => removeRunDir(options.runDir)],
    ['log links', () => removeDeadLinks(options.logDir)],
  ];
  for (const [what, remove] of steps) {
    try {
      await remove();
      tell(`removed: ${what}`);
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return problems;
}

/** The parts of a node as they can be made without a server: only to undo. */
function networkParts({ dataDir, runDir }: TraceOptions, log: Logger) {
  const nobody = new Client({ request: () => Promise.reject(new Error('no server')), watch: () => neverEnding() });
  const cache = new InformerCache({ client: nobody, informers: [], log });
  const cidrs = { clusterCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16' };
  return {
    proxy: new ServiceProxy({ cache, log }),
    dns: new DnsServer({ cache, log, zone: 'cluster.local', dnsIp: '10.43.0.10', ...cidrs }),
    network: new BridgeNetwork({ stateDir: join(dataDir, 'agent', 'state'), namespaceDir: join(runDir, 'netns'), log }),
  };
}

async function* neverEnding(): AsyncGenerator<never> {}

async function removeContainers(
  { dockerSocket, nodeName = hostname().toLowerCase() }: TraceOptions,
  log: Logger,
): Promise<void> {
  if (!(await stat(dockerSocket).catch(() => undefined))) return;
  const pauseImage = () => Promise.reject<Buffer>(new Error('not needed to remove'));
  const runtime = new DockerRuntime({ socket: dockerSocket, owner: nodeName, pauseImage, log });
  await runtime.start(AbortSignal.timeout(15_000));
  try {
    const containers = await runtime.list();
    await Promise.all(containers.map(({ id }) => runtime.removeContainer(id)));
    const pause = await runtime.inspectImage('skiff/pause:1');
    if (pause !== undefined) await runtime.removeImage(pause.id);
  } finally {
    await runtime.stop();
  }
}

/** Deepest first; volumes in memory and namespaces of pods are mounts. */
async function unmountBelow(folders: readonly string[]): Promise<void> {
  const table = await readFile('/proc/self/mounts', 'utf8');
  const mounted = table.split('\n').flatMap((line) => line.split(' ')[1] ?? []);
  const ours = mounted.filter((path) => folders.some((folder) => path.startsWith(`${folder}/`)));
  const failures: string[] = [];
  for (const path of ours.sort((a, b) => b.length - a.length)) {
    // As the kernel writes them: blanks are octal.
    const name = path.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
    await run('umount', [name]).catch((error: unknown) => failures.push((error as Error).message));
  }
  if (failures.length > 0) throw new Error(failures.join('; '));
}

/** Files that namespaces were mounted on. What else somebody keeps there stays. */
async function removeRunDir(runDir: string): Promise<void> {
  await rm(join(runDir, 'netns'), { recursive: true, force: true });
  await rmdir(runDir).catch(() => {});
}

/** Links to logs of containers that are gone, and folders that are empty then. Others' files stay. */
async function removeDeadLinks(logDir: string): Promise<void> {
  for (const name of ['containers', 'pods']) await sweep(join(logDir, name));
}

async function sweep(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await sweep(path);
    else if (entry.isSymbolicLink() && (await isDead(path))) await rm(path);
  }
  // Not empty: somebody else's.
  await rmdir(folder).catch(() => {});
}

async function isDead(path: string): Promise<boolean> {
  await readlink(path);
  return (await stat(path).catch(() => undefined)) === undefined;
}
