import { createServer as createHttp, type IncomingMessage, type Server } from 'node:http';
import { createServer as createHttp2, type Http2Server } from 'node:http2';
import { type AddressInfo, createServer as createTcp, type Server as TcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RuntimeError } from '#agent/runtime/container-runtime.ts';
import type { Probe } from '#api/core/v1.ts';
import { FakeRuntime } from '#test/fakes/fake-runtime.ts';
import { runProbe } from './prober.ts';

const { signal } = new AbortController();
const seen: IncomingMessage[] = [];
let web: Server;
let silent: TcpServer;
let grpc: Http2Server;
const port = (server: { address(): unknown }) => (server.address() as AddressInfo).port;

beforeAll(async () => {
  web = createHttp((request, response) => {
    seen.push(request);
    const status = Number(/\/status\/(\d+)/.exec(request.url ?? '')?.[1] ?? 200);
    const location = request.url === '/moved' ? '/status/200' : 'http://elsewhere.test/';
    if (request.url === '/moved' || request.url === '/away') response.writeHead(302, { location }).end('moved');
    else response.writeHead(status).end('body');
  });
  silent = createTcp(() => {});
  grpc = createHttp2();
  grpc.on('stream', (stream) => {
    stream.on('data', (chunk: Buffer) => {
      const service = chunk.subarray(7).toString();
      if (service === 'unknown') return stream.respond({ ':status': 200, 'grpc-status': '5' }, { endStream: true });
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, service === 'sick' ? 2 : 1]));
    });
  });
  for (const server of [web, silent, grpc])
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(() => {
  for (const server of [web, silent, grpc]) server.close();
});

const runtime = new FakeRuntime();
const run = (probe: Probe, exec: Pick<FakeRuntime, 'exec'> = runtime) => {
  const container = { name: 'app', ports: [{ name: 'web', containerPort: port(web) }] };
  return runProbe(exec, { timeoutSeconds: 1, ...probe }, { containerId: 'c1', container, podIp: '127.0.0.1' }, signal);
};

describe('httpGet', () => {
  test.each([
    ['/', 'success', 'body'],
    ['/status/399', 'success', 'body'],
    ['/status/400', 'failure', 'HTTP probe failed with statuscode: 400'],
    ['/status/503', 'failure', 'HTTP probe failed with statuscode: 503'],
    ['/moved', 'success', 'body'],
    ['/away', 'success', 'Probe terminated redirects, Response body: moved'],
  ])('%s is a %s', async (path, outcome, output) => {
    expect(await run({ httpGet: { path, port: 'web' } })).toEqual({ outcome, output });
  });

  test('says who asks, unless the pod wants another name', async () => {
    await run({ httpGet: { port: port(web) } });
    expect(seen.at(-1)?.headers).toMatchObject({ 'user-agent': 'kube-probe/1.36', accept: '*/*' });
    const httpHeaders = [
      { name: 'user-agent', value: 'mine' },
      { name: 'Host', value: 'own.test' },
      { name: 'X-A', value: '1' },
      { name: 'X-A', value: '2' },
      { name: 'Accept', value: '' },
    ];
    await run({ httpGet: { port: port(web), httpHeaders } });
    expect(seen.at(-1)?.headers).toMatchObject({ 'user-agent': 'mine', host: 'own.test', 'x-a': '1, 2' });
    expect(seen.at(-1)?.headers.accept).toBeUndefined();
  });

  test('speaks of a refused connection as Go does', async () => {
    expect(await run({ httpGet: { path: '/x', port: 1 } })).toEqual({
      outcome: 'failure',
      output: 'Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
    });
  });

  test('gives up in time', async () => {
    expect(await run({ httpGet: { port: port(silent) } })).toEqual({
      outcome: 'failure',
      output: `Get "http://127.0.0.1:${port(silent)}/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    });
  });

  test('a port of a name that does not exist proves nothing', async () => {
    expect(await run({ httpGet: { port: 'none' } })).toEqual({
      outcome: 'error',
      output: 'couldn\'t find port: "none"',
    });
  });
});

describe('tcpSocket', () => {
  test('an open port is enough', async () => {
    expect((await run({ tcpSocket: { port: port(silent) } })).outcome).toBe('success');
  });
  test('a closed one is not', async () => {
    expect(await run({ tcpSocket: { port: 1 } })).toEqual({
      outcome: 'failure',
      output: 'dial tcp 127.0.0.1:1: connect: connection refused',
    });
  });
});

describe('grpc', () => {
  test.each([
    [undefined, 'success', 'service healthy'],
    ['sick', 'failure', 'service unhealthy (responded with "NOT_SERVING")'],
    ['unknown', 'failure', 'health rpc failed with code 5'],
  ])('service %s is a %s', async (service, outcome, output) => {
    expect(await run({ grpc: { port: port(grpc), service } })).toEqual({ outcome, output });
  });
  test('a server that says nothing is not healthy', async () => {
    expect((await run({ grpc: { port: port(silent) } })).output).toContain('within 1s');
  });
});

describe('exec', () => {
  const answering = (answer: { exitCode: number; stdout?: string } | Error) => {
    const fake = new FakeRuntime({ images: ['busybox'] });
    if (answer instanceof Error) fake.failNext('exec', answer);
    else fake.onExec = () => answer;
    return fake;
  };
  const inContainer = async (fake: FakeRuntime) => {
    const sandbox = await fake.createSandbox(
      { name: 's', hostname: 's', labels: {}, network: { mode: 'pod' } },
      signal,
    );
    const spec = { name: 'c', sandboxId: sandbox.id, hostname: 's', image: 'busybox', labels: {}, command: ['serve'] };
    const rest = { env: [], mounts: [], resources: {}, security: {}, pid: 'container' as const };
    const { id } = await fake.createContainer({ ...spec, ...rest }, signal);
    const target = { containerId: id, container: { name: 'app' }, podIp: '127.0.0.1' };
    const result = await runProbe(fake, { exec: { command: ['check'] }, timeoutSeconds: 1 }, target, signal);
    await fake.stop();
    return result;
  };

  test.each([
    [
      { exitCode: 0, stdout: 'fine' },
      { outcome: 'success', output: 'fine' },
    ],
    [
      { exitCode: 1, stdout: 'bad' },
      { outcome: 'failure', output: 'bad' },
    ],
    [new RuntimeError('unavailable', 'engine is down'), { outcome: 'error', output: 'engine is down' }],
  ])('%o', async (answer, expected) => {
    expect(await inContainer(answering(answer))).toEqual(expected);
  });
});

test('a probe without any check proves nothing', async () => {
  expect((await run({})).outcome).toBe('error');
});
