import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { acceptPortForward } from '#base/remote-command/accept-port-forward.ts';
import { acceptRemoteCommand } from '#base/remote-command/accept-remote-command.ts';
import type { TerminalSize } from '#base/remote-command/remote-command.ts';
import { exitStatus, failureStatus } from '#base/remote-command/status.ts';
import { eventually } from '#test/support/eventually.ts';

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default' },
  spec: { containers: [{ name: 'main', image: 'x', tty: true, stdin: true }] },
  status: { phase: 'Running' },
};

const ANSWERS: Readonly<Record<string, object>> = {
  '/api': { kind: 'APIVersions', versions: ['v1'] },
  '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [] },
  '/api/v1': {
    kind: 'APIResourceList',
    groupVersion: 'v1',
    resources: [
      { name: 'pods', singularName: 'pod', namespaced: true, kind: 'Pod', shortNames: ['po'], verbs: ['get'] },
    ],
  },
  '/api/v1/namespaces/default/pods/web': POD,
};

/** An API server with one pod, whose commands run as children of this process. */
class TinyServer {
  readonly seen: { protocol: string; resizes: TerminalSize[]; signalled: boolean }[] = [];
  readonly sockets = new Set<Duplex>();
  readonly #server: Server;

  constructor() {
    this.#server = createServer((request, response) => {
      const answer = ANSWERS[request.url?.replace(/\?.*/, '') ?? ''];
      response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}));
    });
    this.#server.on('upgrade', (request, socket, head) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
      const serve = request.url?.includes('/portforward') ? this.#forward : this.#execute;
      serve.call(this, request, socket, head).catch((error) => process.stderr.write(`tiny server: ${error}\n`));
    });
  }

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  #note(request: IncomingMessage) {
    const protocol = request.headers.upgrade?.toLowerCase() ?? '';
    const note = { protocol, resizes: [] as TerminalSize[], signalled: false };
    this.seen.push(note);
    return note;
  }

  async #execute(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const note = this.#note(request);
    const query = new URL(request.url ?? '', 'http://x').searchParams;
    const wants = (name: string) => query.get(name) === 'true';
    const command = await acceptRemoteCommand(request, socket, head, {
      stdin: wants('stdin'),
      stdout: wants('stdout'),
      stderr: wants('stderr'),
      tty: wants('tty'),
    });
    const [file = '', ...args] = query.getAll('command');
    if (file === 'absent') return command.finish(failureStatus('no such program'));
    const child = spawn(file, args, { stdio: 'pipe' });
    command.closed.addEventListener('abort', () => {
      note.signalled = true;
      child.kill();
    });
    child.stdin.on('error', () => {});
    if (command.stdin === undefined) child.stdin.end();
    else command.stdin.pipe(child.stdin);
    if (command.stdout !== undefined) child.stdout.pipe(command.stdout, { end: false });
    if (command.stderr !== undefined) child.stderr.pipe(command.stderr, { end: false });
    const watching = (async () => {
      for await (const size of command.resizes) note.resizes.push(size);
    })();
    const [exitCode] = await once(child, 'close');
    await command.finish(exitStatus(exitCode ?? 137));
    await watching;
  }

  async #forward(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#note(request);
    await acceptPortForward(request, socket, head, {
      onConnection({ port, data, fail }) {
        const target = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
        target.once('error', (error) => fail(`error forwarding port ${port}: ${error.message}`));
        target.once('connect', () => data.pipe(target).pipe(data));
        data.once('close', () => target.destroy());
      },
    });
  }
}

const kubectlFolder = await realpath('/usr/bin/kubectl').then(dirname, () => '/usr/local/bin');
const variants = [
  { version: '1.27', file: 'kubectl.1.27', env: {}, exec: 'spdy/3.1', forward: 'spdy/3.1' },
  { version: '1.30', file: 'kubectl.1.30', env: {}, exec: 'websocket', forward: 'spdy/3.1' },
  { version: '1.33', file: 'kubectl.1.33', env: {}, exec: 'websocket', forward: 'websocket' },
  {
    version: '1.33 without WebSocket',
    file: 'kubectl.1.33',
    env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' },
    exec: 'spdy/3.1',
    forward: 'spdy/3.1',
  },
];
const present = variants.filter(({ file }) => existsSync(join(kubectlFolder, file)));
for (const { version, file } of variants) {
  if (!existsSync(join(kubectlFolder, file)))
    process.stderr.write(`kubectl-streams: no ${file}, ${version} is NOT tested\n`);
}

describe.each(present)('kubectl $version', ({ file, env, exec, forward }) => {
  let server: TinyServer;
  let address: string;
  let home: string;
  const children: { kill: () => unknown }[] = [];

  beforeAll(async () => {
    server = new TinyServer();
    address = await server.listen();
    home = await mkdtemp(join(tmpdir(), 'skiff-kubectl-'));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill();
  });
  afterAll(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  const start = (args: string[], { shell = false } = {}) => {
    const kubectl = join(kubectlFolder, file);
    const environment = { PATH: process.env['PATH'], HOME: home, KUBECONFIG: '/dev/null', TERM: 'xterm', ...env };
    const all = ['-s', address, ...args];
    // `script` gives kubectl a terminal.
    const child = shell
      ? spawn('script', ['-qec', `stty cols 111 rows 44; ${kubectl} ${all.join(' ')}`, '/dev/null'], {
          env: environment,
        })
      : spawn(kubectl, all, { env: environment });
    children.push(child);
    child.stdin.on('error', () => {});
    return child;
  };
  const kubectl = async (args: string[], input?: Buffer) => {
    const child = start(args);
    child.stdin.end(input);
    const [stdout, stderr, [exitCode]] = await Promise.all([
      buffer(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { stdout, stderr, exitCode };
  };

  test('exec keeps the streams apart', async () => {
    const { stdout, stderr, exitCode } = await kubectl(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2']);
    expect(server.seen.at(-1)?.protocol).toBe(exec);
    expect({ stdout: stdout.toString(), stderr, exitCode }).toEqual({ stdout: 'out\n', stderr: 'err\n', exitCode: 0 });
  });

  test('exec tells the exit code', async () => {
    const { stderr, exitCode } = await kubectl(['exec', 'web', '--', 'sh', '-c', 'exit 7']);
    expect(exitCode).toBe(7);
    expect(stderr).toContain('command terminated with exit code 7');
  });

  test('exec tells why a program could not be run', async () => {
    const { stderr, exitCode } = await kubectl(['exec', 'web', '--', 'absent']);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('no such program');
  });

  test('the end of the input reaches the program', async () => {
    const { stdout } = await kubectl(['exec', '-i', 'web', '--', 'cat'], Buffer.from('hello'));
    expect(stdout.toString()).toBe('hello');
  });

  test('30 MB come back unchanged', async () => {
    const input = randomBytes(30_000_000);
    const { stdout, exitCode } = await kubectl(['exec', '-i', 'web', '--', 'cat'], input);
    expect(exitCode).toBe(0);
    expect(digest(stdout)).toBe(digest(input));
  });

  test('a program that ends without reading its input still tells its output and exit code', async () => {
    const args = ['exec', '-i', 'web', '--', 'sh', '-c', 'echo early; exit 3'];
    const { stdout, exitCode } = await kubectl(args, randomBytes(8_000_000));
    expect({ stdout: stdout.toString(), exitCode }).toEqual({ stdout: 'early\n', exitCode: 3 });
  });

  test('a terminal tells its size', async () => {
    const child = start(['exec', '-it', 'web', '--', 'sleep', '1'], { shell: true });
    await eventually(() => expect(server.seen.at(-1)?.resizes).toContainEqual({ width: 111, height: 44 }), {
      withinMs: 5000,
    });
    await once(child, 'close');
  });

  test('a client that is killed is noticed', async () => {
    const child = start(['exec', '-i', 'web', '--', 'cat']);
    await eventually(() => expect(server.sockets.size).toBe(1));
    child.kill('SIGKILL');
    await eventually(() => expect(server.sockets.size).toBe(0));
    await eventually(() => expect(server.seen.at(-1)?.signalled).toBe(true));
  });

  describe('port-forward', () => {
    let target: Server;
    let targetPort: number;
    let local: number;

    beforeAll(async () => {
      target = createServer(async (request, response) => {
        const body = await buffer(request);
        const size = Number(new URL(request.url ?? '', 'http://x').searchParams.get('size') ?? 0);
        response.end(size > 0 ? Buffer.alloc(size, 'z') : digest(body));
      });
      target.listen(0, '127.0.0.1');
      await once(target, 'listening');
      targetPort = (target.address() as AddressInfo).port;
    });
    afterAll(() => target.close());

    const open = async (ports: string[]) => {
      const child = start(['port-forward', 'pod/web', ...ports]);
      const output: string[] = [];
      child.stderr.on('data', (chunk) => output.push(String(chunk)));
      const [line] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
      if (child.exitCode !== null) throw new Error(`kubectl port-forward has ended: ${output.join('')}`);
      local = Number(/127\.0\.0\.1:(\d+)/.exec(String(line))?.[1]);
      return { child, output };
    };

    test('carries requests, one after the other and many at once', async () => {
      const { child } = await open([`:${targetPort}`]);
      const body = randomBytes(5_000_000);
      const answer = await fetch(`http://127.0.0.1:${local}/`, { method: 'POST', body });
      expect(await answer.text()).toBe(digest(body));
      const sizes = [20_000_000, 20_000_000, 10_000_000, 1000, 1001, 1002];
      const answers = await Promise.all(
        sizes.map(
          async (size) => (await (await fetch(`http://127.0.0.1:${local}/?size=${size}`)).arrayBuffer()).byteLength,
        ),
      );
      expect(answers).toEqual(sizes);
      expect(server.seen.at(-1)?.protocol).toBe(forward);
      child.kill();
      await once(child, 'close');
      await eventually(() => expect(server.sockets.size).toBe(0));
    });

    test('hundreds of connections over one forward', async () => {
      const { child } = await open([`:${targetPort}`]);
      for (let round = 0; round < 10; round++) {
        const requests = Array.from({ length: 20 }, () => httpGet(local));
        expect(new Set(await Promise.all(requests))).toEqual(new Set([digest(Buffer.alloc(0))]));
      }
      child.kill();
    });

    test('a port where nobody listens is told to the user', async () => {
      const { child, output } = await open([`:1`]);
      await new Promise<void>((resolve) => {
        connect(local, '127.0.0.1')
          .on('error', () => {})
          .on('close', () => resolve())
          .resume()
          .end('x');
      });
      await eventually(() => expect(output.join('')).toMatch(/error forwarding port 1: connect ECONNREFUSED/));
      child.kill();
    });
  });
});

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

/** A request on a connection of its own. */
async function httpGet(port: number): Promise<string> {
  const socket: Socket = connect({ port, host: '127.0.0.1' });
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  return (
    (await text(socket))
      .split('\r\n\r\n')[1]
      ?.replace(/^\w+\r\n|\r\n0$/g, '')
      .trim() ?? ''
  );
}
