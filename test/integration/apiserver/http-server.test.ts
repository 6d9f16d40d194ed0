import { connect as connectHttp2 } from 'node:http2';
import { type RequestOptions, request } from 'node:https';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { HttpServer, type HttpServerOptions } from '#base/http-server.ts';
import { createLogger } from '#base/logger.ts';
import { makeTestTls, type TestTls } from '../../support/test-tls.ts';

let tls: TestTls;
const servers: HttpServer[] = [];

beforeAll(async () => {
  tls = await makeTestTls();
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function start(options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = new HttpServer({
    name: 'test',
    log: createLogger({ level: 'silent' }),
    listen: { host: '127.0.0.1', port: 0 },
    tls: tls.server,
    handler: (req, res) => void res.end(`${req.httpVersion} ${req.method} ${req.url}`),
    ...options,
  });
  servers.push(server);
  await server.start(AbortSignal.timeout(5000));
  return server;
}

function get(server: HttpServer, options: RequestOptions = {}): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const base = { host: '127.0.0.1', port: server.port, ca: tls.authority.cert, agent: false, path: '/' };
    const outgoing = request({ ...base, ...options }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => resolve({ code: answer.statusCode ?? 0, text }));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

test.each(['/', '/a/b?c=d', '/a%2Fb/', '/%zz', `/${'x'.repeat(3000)}`, '//double'])(
  'hands on the URL as it came: %s',
  async (path) => {
    const server = await start();
    expect(await get(server, { path, method: 'PATCH' })).toEqual({ code: 200, text: `1.1 PATCH ${path}` });
  },
);

test('speaks HTTP/2 on the same port', async () => {
  const server = await start();
  const session = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: tls.authority.cert });
  const text = await new Promise<string>((resolve, reject) => {
    const stream = session.request({ ':path': '/x?y=z' });
    let body = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      body += chunk;
    });
    stream.on('end', () => resolve(body));
    stream.on('error', reject);
  });
  session.close();
  expect(text).toBe('2.0 GET /x?y=z');
});

test('knows who shows a certificate of our authority, over both protocols', async () => {
  const names: (string | undefined)[] = [];
  const server: HttpServer = await start({
    handler: (req, res) => {
      names.push(server.clientCertificate(req)?.subject);
      res.end();
    },
  });
  const client = await tls.issueClient('jane');
  const stranger = await (await makeTestTls()).issueClient('mallory');
  await get(server, client);
  await get(server);
  await get(server, stranger);
  const session = connectHttp2(`https://127.0.0.1:${server.port}`, { ca: tls.authority.cert, ...client });
  await new Promise((resolve) => session.request({ ':path': '/' }).resume().on('end', resolve));
  session.close();
  expect(names).toEqual(['CN=jane', undefined, undefined, 'CN=jane']);
});

test('a new certificate is for new connections', async () => {
  const server = await start();
  const before = await get(server);
  const other = await makeTestTls();
  server.reload(other.server);
  expect(before.code).toBe(200);
  await expect(get(server)).rejects.toThrow(/certificate|signature/);
  expect((await get(server, { ca: other.authority.cert })).code).toBe(200);
});

test('upgrades go to their own handler', async () => {
  const server = await start({
    upgrade: (req, socket, head) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${req.headers.upgrade}\r\n\r\n`,
      );
      socket.end(head);
    },
  });
  const socket = connectTls({
    host: '127.0.0.1',
    port: server.port,
    ca: tls.authority.cert,
    ALPNProtocols: ['http/1.1'],
  });
  socket.write('GET /up HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  expect(text).toMatch(/^HTTP\/1.1 101 .*\r\nUpgrade: echo\r\n\r\nhello$/s);
});

test('a handler that throws answers 500 and the server goes on', async () => {
  let calls = 0;
  const server = await start({
    handler: async (_, res) => {
      if (calls++ === 0) throw new Error('boom');
      res.end('fine');
    },
  });
  expect((await get(server)).code).toBe(500);
  expect(await get(server)).toEqual({ code: 200, text: 'fine' });
});

test('a port in use is told with the cure', async () => {
  const { port } = await start();
  await expect(start({ listen: { host: '127.0.0.1', port } })).rejects.toThrow(
    `Cannot listen on 127.0.0.1:${port}: another program uses this port; stop it or choose another port`,
  );
});

test('stops although a request is open, and may be stopped twice', async () => {
  const server = await start({ handler: (_, res) => void res.write('never ends'), graceMs: 100 });
  const open = get(server);
  open.catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  await server.stop();
  await server.stop();
  expect(server.port).toBe(0);
});
