import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Exec } from '#base/iptables.ts';
import { type Link, parseLinks } from './links.ts';

/** `statfs` type of a bind-mounted namespace. */
const NSFS_MAGIC = 0x6e736673;

const PACKAGES: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  bridge: 'iproute2',
  iptables: 'iptables',
  'iptables-restore': 'iptables',
  'iptables-save': 'iptables',
  unshare: 'util-linux',
  nsenter: 'util-linux',
};

/** The node's kernel as the pod network sees it: links, namespaces and settings, by way of the usual tools. */
export class Kernel {
  readonly #exec: Exec;

  constructor(exec: Exec) {
    this.#exec = exec;
  }

  /** Throws one error that names every missing tool and the packages to install. */
  async requireTools(): Promise<void> {
    const missing: string[] = [];
    for (const tool of Object.keys(PACKAGES)) {
      // Some of them know `-V` only, and some fail on it; all that matters is whether they can be run at all.
      await this.#exec(tool, ['-V']).catch((error: unknown) => {
        if (isMissing(error)) missing.push(tool);
      });
    }
    if (missing.length === 0) return;
    const packages = [...new Set(missing.map((tool) => PACKAGES[tool]))].join(' ');
    throw new Error(
      `Cannot set up the pod network: ${missing.join(', ')} not found on PATH; install with "apt-get install ${packages}" or the like`,
    );
  }

  async links(): Promise<Link[]> {
    return parseLinks(await this.#exec('ip', ['-json', '-details', 'address', 'show']));
  }

  async defaultDevice(): Promise<string | undefined> {
    const json = await this.#exec('ip', ['-json', '-4', 'route', 'show', 'default']);
    const [route] = JSON.parse(json || '[]') as { dev?: string }[];
    return route?.dev;
  }

  /** Runs lines of `ip -batch`; with a namespace, inside of it. */
  async batch(lines: readonly string[], { namespacePath }: { namespacePath?: string } = {}): Promise<void> {
    if (lines.length === 0) return;
    const enter = namespacePath === undefined ? [] : ['nsenter', `--net=${namespacePath}`];
    await this.#run([...enter, 'ip', '-batch', '-'], lines);
  }

  async bridgeBatch(lines: readonly string[]): Promise<void> {
    if (lines.length > 0) await this.#run(['bridge', '-batch', '-'], lines);
  }

  /** Makes a namespace that lives at `path` and runs lines of `ip -batch` in it, in one go. */
  async makeNamespace(path: string, lines: readonly string[]): Promise<void> {
    await this.removeNamespace(path);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, '', { mode: 0o600 });
    await this.#run(['unshare', `--net=${path}`, 'ip', '-batch', '-'], lines);
  }

  /** Takes the mount away; the namespace ends with its last process. Fine if there is none. */
  async removeNamespace(path: string): Promise<void> {
    if (await this.isNamespace(path)) await this.#exec('umount', ['--lazy', path]);
    await rm(path, { force: true });
  }

  async isNamespace(path: string): Promise<boolean> {
    return statfs(path).then(
      ({ type }) => type === NSFS_MAGIC,
      () => false,
    );
  }

  /** IPv4 addresses of a device inside a namespace; none if there is no such namespace or device. */
  async addressesIn(namespacePath: string, device: string): Promise<string[]> {
    const command = [`--net=${namespacePath}`, 'ip', '-json', '-4', 'address', 'show', 'dev', device];
    const json = await this.#exec('nsenter', command).catch(() => '[]');
    return parseLinks(json).flatMap(({ addr_info = [] }) => addr_info.flatMap(({ local }) => local ?? []));
  }

  async removeLink(device: string): Promise<void> {
    await this.#exec('ip', ['link', 'delete', device]).catch((error: unknown) => {
      if (!(error instanceof Error && error.message.includes('Cannot find device'))) throw error;
    });
  }

  async setting(path: string): Promise<string | undefined> {
    // `cat` rather than a read of our own: what it shows depends on the reader's network namespace.
    return this.#exec('cat', [`/proc/sys/${path}`]).then(
      (text) => text.trim(),
      () => undefined,
    );
  }

  async changeSetting(path: string, value: string): Promise<void> {
    await this.#exec('tee', [`/proc/sys/${path}`], { input: value });
  }

  /** Whether bridged packets can pass through the packet filter; loads the module that does it where that is possible. */
  async hasBridgeFilter(): Promise<boolean> {
    const path = 'net/bridge/bridge-nf-call-iptables';
    if ((await this.setting(path)) !== undefined) return true;
    await this.#exec('modprobe', ['br_netfilter']).catch(() => '');
    return (await this.setting(path)) !== undefined;
  }

  overlayTables(device: string): Promise<{ routes: string; neighbours: string; forwards: string }> {
    const tables = [
      this.#exec('ip', ['-json', '-4', 'route', 'show', 'dev', device]),
      this.#exec('ip', ['-json', '-4', 'neigh', 'show', 'dev', device]),
      this.#exec('bridge', ['-json', 'fdb', 'show', 'dev', device]),
    ] as const;
    return Promise.all(tables).then(([routes, neighbours, forwards]) => ({ routes, neighbours, forwards }));
  }

  async #run([file = '', ...args]: readonly string[], lines: readonly string[]): Promise<void> {
    try {
      await this.#exec(file, args, { input: `${lines.join('\n')}\n` });
    } catch (error) {
      throw explain(error);
    }
  }
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'ENOENT' || code === 127 || (error instanceof Error && error.message.includes('failed to execute'));
}

/** Turns what the kernel says about a missing ability into words with a cure. */
function explain(error: unknown): unknown {
  if (!(error instanceof Error) || !/Unknown device type|Operation not supported/.test(error.message)) return error;
  return new Error(
    `Cannot set up the pod network: this kernel lacks the bridge, veth or vxlan device; try "modprobe -a bridge veth vxlan", or install the kernel's extra modules (${error.message})`,
    { cause: error },
  );
}
