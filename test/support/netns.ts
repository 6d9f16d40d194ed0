import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Exec } from '#base/iptables.ts';
import { run } from '#base/process.ts';

/** A network namespace without any way out, for tests of what happens in the kernel. */
export interface TestNamespace {
  readonly name: string;
  readonly path: string;
  /** Runs a program inside; stands in for `run`. */
  readonly exec: Exec;
  /** Starts a program inside; ended by `destroy`. */
  spawn(file: string, args: readonly string[]): ChildProcess;
  destroy(): Promise<void>;
}

/** Whether this process may make network namespaces. */
export function canMakeNamespaces(): boolean {
  return process.getuid?.() === 0 && ['/sbin/ip', '/usr/sbin/ip', '/bin/ip'].some(existsSync);
}

/** Runs programs inside the network namespace at `path`. */
export function execIn(path: string): Exec {
  return (file, args, options) => run('nsenter', [`--net=${path}`, '--', file, ...args], options);
}

/** Makes a namespace with nothing but loopback. */
export async function createNamespace(prefix = 'skt'): Promise<TestNamespace> {
  const name = `${prefix}${randomBytes(3).toString('hex')}`;
  const path = `/run/netns/${name}`;
  await run('ip', ['netns', 'add', name]);
  await run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  const children: ChildProcess[] = [];
  return {
    name,
    path,
    exec: execIn(path),
    spawn(file, args) {
      const child = spawn('nsenter', [`--net=${path}`, '--', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      return child;
    },
    async destroy() {
      for (const child of children) await ended(child);
      await run('ip', ['netns', 'del', name]);
    },
  };
}

/** Connects namespaces by a bridge of their own: the first gets `.1` of `subnet` (`172.31.5`), and so on, on `eth0`. */
export async function connectNamespaces(nodes: readonly TestNamespace[], subnet: string): Promise<TestNamespace> {
  const fabric = await createNamespace('skf');
  await fabric.exec('ip', ['link', 'add', 'br0', 'type', 'bridge']);
  await fabric.exec('ip', ['link', 'set', 'br0', 'up']);
  for (const [index, node] of nodes.entries()) {
    const port = `p${index}`;
    await fabric.exec('ip', ['link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', node.name]);
    await fabric.exec('ip', ['link', 'set', port, 'master', 'br0', 'up']);
    await node.exec('ip', ['addr', 'add', `${subnet}.${index + 1}/24`, 'dev', 'eth0']);
    await node.exec('ip', ['link', 'set', 'eth0', 'up']);
  }
  return fabric;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
