import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type RunOptions, run } from '#base/process.ts';
import { endProcessesOf } from '#test/support/end-processes.ts';
import { IMAGES, type ImageName, imageArchivePath } from './images.ts';
import { type DockerOptions, LabNode } from './node.ts';
import { blackhole, killCgroups, requirePackages, unmountBelow } from './traces.ts';

export interface LabOptions extends DockerOptions {
  /** How many nodes. */
  nodes?: number;
  /** Start Docker on each node, with these images loaded. */
  images?: readonly ImageName[];
  /** Processes outlive the one that made the lab: for the command line. */
  isDetached?: boolean;
}

/**
 * Machines for tests: network namespaces on a switch without any way out, each with its own Docker, folders and host name.
 *
 *   n1 eth0 172.31.77.1 --+-- switch --+-- n2 eth0 172.31.77.2
 *                         |
 *                      outside eth0 172.31.77.200: no node, for clients from elsewhere
 */
export interface Lab {
  readonly id: string;
  /** Holds everything the lab writes. */
  readonly folder: string;
  readonly nodes: readonly LabNode[];
  readonly outside: {
    readonly ip: string;
    readonly netns: string;
    exec(file: string, args: readonly string[], options?: RunOptions): Promise<string>;
  };
  /** Ends what runs and removes every trace. Fine to call again. */
  destroy(): Promise<void>;
}

const PREFIX = 'skiff-lab-';
const SUBNET = '172.31.77';
const OUTSIDE = 200;

interface LabState {
  readonly id: string;
  readonly nodes: number;
  readonly docker: DockerOptions;
  /** Routes put into the machine's own namespace, to be taken back. */
  readonly routes: readonly string[];
}

/** Makes a lab with Docker running on every node. Needs root; installs Debian packages where commands are missing. */
export async function createLab(options: LabOptions = {}): Promise<Lab> {
  const { nodes = 2, images = [], isDetached = false, ...docker } = options;
  await requirePackages();
  const folder = await mkdtemp(join(tmpdir(), PREFIX));
  const id = `skl${randomBytes(2).toString('hex')}`;
  // Service and pod addresses must not leave the machine, whatever a test gets wrong.
  const routes = await blackhole(['10.42.0.0/16', '10.43.0.0/16']);
  const state: LabState = { id, nodes, docker, routes };
  await writeFile(join(folder, 'lab.json'), JSON.stringify(state));
  const lab = labOf(folder, state, { isDetached });
  try {
    await makeNetwork(lab);
    for (const node of lab.nodes) await mkdir(node.dataDir, { recursive: true });
    await Promise.all(lab.nodes.map((node) => node.startDocker()));
    for (const image of images) {
      const archive = await imageArchivePath(image);
      await Promise.all(lab.nodes.map((node) => node.loadImage(archive)));
    }
    return lab;
  } catch (error) {
    await lab.destroy();
    throw error;
  }
}

/** Labs of this machine that were not destroyed, whoever made them. */
export async function findLabs(): Promise<Lab[]> {
  const folders = (await readdir(tmpdir()))
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => join(tmpdir(), name));
  const labs = folders.map(async (folder) => {
    const text = await readFile(join(folder, 'lab.json'), 'utf8').catch(() => undefined);
    return text === undefined ? [] : [labOf(folder, JSON.parse(text) as LabState, { isDetached: true })];
  });
  return (await Promise.all(labs)).flat();
}

function labOf(folder: string, state: LabState, { isDetached }: { isDetached: boolean }): Lab {
  const { id, docker } = state;
  const nodes = Array.from({ length: state.nodes }, (_, index) => {
    const ip = `${SUBNET}.${index + 1}`;
    return new LabNode({ id, number: index + 1, ip, folder: join(folder, `n${index + 1}`), docker, isDetached });
  });
  const netns = `${id}-outside`;
  return {
    id,
    folder,
    nodes,
    outside: {
      ip: `${SUBNET}.${OUTSIDE}`,
      netns,
      exec: (file, args, options) => run('nsenter', [`--net=/run/netns/${netns}`, '--', file, ...args], options),
    },
    async destroy() {
      for (const node of nodes) await node.stopProcesses();
      // Containers that do not listen to a polite signal would hold Docker up.
      for (const node of nodes) await killCgroups(node.cgroup);
      await Promise.all(nodes.map((node) => node.stopDocker()));
      for (const node of nodes) await killCgroups(node.cgroup);
      await endProcessesOf(folder);
      await unmountBelow(folder);
      const names = [`${id}-switch`, netns, ...nodes.map((node) => node.netns)];
      for (const name of names) if (existsSync(`/run/netns/${name}`)) await run('ip', ['netns', 'delete', name]);
      // Another lab may still rely on them.
      const others = (await findLabs()).filter((other) => other.id !== id);
      if (others.length === 0)
        for (const route of state.routes) await run('ip', ['route', 'delete', 'blackhole', route]).catch(() => '');
      else if (state.routes.length > 0) await inherit(others, state.routes);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function makeNetwork({ id, nodes, outside }: Lab): Promise<void> {
  const fabric = `${id}-switch`;
  await run('ip', ['netns', 'add', fabric]);
  await run('ip', ['-n', fabric, 'link', 'add', 'br0', 'type', 'bridge']);
  await run('ip', ['-n', fabric, 'link', 'set', 'br0', 'up']);
  const machines = [...nodes.map(({ netns, ip }) => ({ netns, ip })), outside];
  for (const [index, { netns, ip }] of machines.entries()) {
    const port = `p${index + 1}`;
    await run('ip', ['netns', 'add', netns]);
    await run('ip', ['-n', fabric, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns]);
    await run('ip', ['-n', fabric, 'link', 'set', port, 'master', 'br0', 'up']);
    const lines = ['link set lo up', `addr add ${ip}/24 dev eth0`, 'link set eth0 up'];
    await run('ip', ['-n', netns, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }
}

/** Leaves the routes to another lab, which then takes them back. */
async function inherit([heir]: readonly Lab[], routes: readonly string[]): Promise<void> {
  if (heir === undefined) return;
  const path = join(heir.folder, 'lab.json');
  const state = JSON.parse(await readFile(path, 'utf8')) as LabState;
  await writeFile(path, JSON.stringify({ ...state, routes: [...new Set([...state.routes, ...routes])] }));
}

/** Cuts a node off, or connects it again. */
export async function setLink({ id }: Lab, node: LabNode, state: 'up' | 'down'): Promise<void> {
  await run('ip', ['-n', `${id}-switch`, 'link', 'set', `p${node.number}`, state]);
}

/** `up [--nodes N] [--images a,b]`, `down`, `status`: a lab that outlives the command. */
async function main([command, ...args]: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { nodes: { type: 'string' }, images: { type: 'string' } } });
  if (command === 'up') {
    const images = (values.images ?? '').split(',').filter((name): name is ImageName => name in IMAGES);
    tell(await createLab({ nodes: Number(values.nodes ?? 2), images, isDetached: true }));
  } else if (command === 'down') {
    for (const lab of await findLabs()) await lab.destroy();
  } else if (command === 'status') {
    for (const lab of await findLabs()) tell(lab);
  } else throw new Error('Usage: lab.ts up [--nodes N] [--images nginx,api] | down | status');
}

function tell({ id, folder, nodes }: Lab): void {
  process.stdout.write(`${id} ${folder}\n`);
  for (const { name, ip, netnsPath, dockerSocket } of nodes) {
    process.stdout.write(`  ${name} ${ip}  nsenter --net=${netnsPath} env DOCKER_HOST=unix://${dockerSocket} bash\n`);
  }
}

if (import.meta.main) await main(process.argv.slice(2));
