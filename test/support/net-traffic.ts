import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('./name-server.ts', import.meta.url));

export interface NameServer {
  stop(): Promise<void>;
}

/** Starts a server in the namespace that answers on these TCP and UDP ports with its name and the caller's address. */
export async function serveName(namespacePath: string, name: string, ports: readonly number[]): Promise<NameServer> {
  const args = [`--net=${namespacePath}`, '--', process.execPath, SERVER, name, ...ports.map(String)];
  const child = spawn('nsenter', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  const first = await Promise.race([once(child.stdout, 'data'), exit]);
  if (!String(first[0]).includes('ready')) throw new Error(`Name server "${name}" did not start`);
  return {
    async stop() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

export interface Answer {
  /** Who answered. */
  readonly name: string;
  /** The address the answering side saw. */
  readonly seenAs: string;
}

/** Asks from within the namespace; rejects with `refused`, `timeout` or the shell's words. */
export async function ask(
  namespacePath: string,
  address: string,
  { protocol = 'tcp', timeoutMs = 2000 }: { protocol?: 'tcp' | 'udp'; timeoutMs?: number } = {},
): Promise<Answer> {
  const [host, port] = address.split(':');
  const script = `exec 3<>/dev/${protocol}/${host}/${port} || exit 1; ${protocol === 'udp' ? 'echo x >&3;' : ''} head -n1 <&3`;
  const child = spawn('nsenter', [`--net=${namespacePath}`, '--', 'bash', '-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  let [output, errors] = ['', ''];
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const [, signal] = await once(child, 'close');
  clearTimeout(timer);
  const [name, seenAs] = output.trim().split(' ');
  if (name !== undefined && seenAs !== undefined) return { name, seenAs };
  if (signal !== null) throw new Error('timeout');
  throw new Error(/refused/i.test(errors) ? 'refused' : errors.trim() || 'empty answer');
}
