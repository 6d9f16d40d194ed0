import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodes, pods, services } from '#api/core/v1.ts';
import { endpointSlices } from '#api/discovery/v1.ts';
import { serviceUnavailable } from '#api/meta/errors.ts';
import { HttpServer } from '#base/http-server.ts';
import { createLogger } from '#base/logger.ts';
import { apiRequest, connectionOf } from '../../support/api-request.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { makeTestTls } from '../../support/test-tls.ts';

let server: TestServer;
let kubelet: HttpServer;
let backend: Server;
const seen: string[] = [];

beforeAll(async () => {
  const tls = await makeTestTls();
  const client = await tls.issueClient('kube-apiserver-kubelet-client');
  kubelet = new HttpServer({
    name: 'kubelet',
    log: createLogger({ level: 'silent' }),
    listen: { host: '127.0.0.1', port: 0 },
    tls: tls.server,
    handler: (req, res) => {
      seen.push(`${kubelet.clientCertificate(req)?.subject} ${req.method} ${req.url}`);
      if (req.url?.includes('/waiting')) {
        res.writeHead(400);
        return void res.end('container "waiting" in pod "p" is waiting to start: ContainerCreating');
      }
      res.writeHead(200, { 'content-type': 'text/plain' });
      res.end(req.url === '/healthz' ? 'ok' : 'line 1\nline 2\n');
    },
    upgrade: (req, socket) => {
      seen.push(`${kubelet.clientCertificate(req)?.subject} ${req.method} ${req.url}`);
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${req.headers['x-stream-protocol-version']}\r\n\r\n`,
      );
      socket.on('data', (chunk: Buffer) => socket.write(`echo:${chunk}`));
      socket.on('end', () => socket.end());
    },
  });
  await kubelet.start(AbortSignal.timeout(5000));
  backend = createServer((req, res) => {
    if (req.url === '/redirect') return void res.writeHead(302, { location: '/elsewhere' }).end();
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => res.end(`${req.method} ${req.url} ${req.headers.authorization ?? '-'} ${body}`));
  });
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve));
  server = await startTestServer({
    nodeDialer: {
      connect: async (nodeName) => {
        if (nodeName !== 'n1') throw serviceUnavailable(`node "${nodeName}" is not connected`);
        return { host: '127.0.0.1', port: kubelet.port, tls: { ...client, ca: tls.authority.cert } };
      },
    },
  });
  await fill((backend.address() as AddressInfo).port);
});

afterAll(async () => {
  await server.stop();
  await kubelet.stop();
  backend.close();
});

async function fill(port: number): Promise<void> {
  const { client } = server;
  const namespace = 'default';
  const pod = (name: string, nodeName: string | undefined, containers: string[]) =>
    client.create(pods, {
      metadata: { namespace, name },
      spec: {
        ...(nodeName && { nodeName }),
        containers: containers.map((container) => ({ name: container, image: 'i' })),
      },
    });
  await client.create(nodes, { metadata: { name: 'n1' }, spec: {} });
  const one = await pod('one', 'n1', ['c']);
  await client.updateStatus(pods, { ...one, status: { podIP: '127.0.0.1' } });
  await pod('two', 'n1', ['a', 'waiting']);
  await pod('unscheduled', undefined, ['c']);
  await pod('far', 'n2', ['c']);
  await client.create(services, {
    metadata: { namespace, name: 'web' },
    spec: { ports: [{ name: 'http', port: 80 }] },
  });
  await client.create(services, { metadata: { namespace, name: 'empty' }, spec: { ports: [{ port: 80 }] } });
  await client.create(endpointSlices, {
    metadata: { namespace, name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['192.0.2.1'], conditions: { ready: false } },
      { addresses: ['127.0.0.1'], conditions: { ready: true } },
    ],
    ports: [{ name: 'http', port }],
  });
}

const POD = '/api/v1/namespaces/default/pods';

test('logs come from the node, with the options it knows', async () => {
  const { code, headers, text } = await apiRequest(server, `${POD}/one/log?follow=true&tailLines=5&container=c`);
  expect([code, headers['content-type'], text]).toEqual([200, 'text/plain', 'line 1\nline 2\n']);
  expect(seen).toContain('CN=kube-apiserver-kubelet-client GET /containerLogs/default/one/c?follow=true&tailLines=5');
});

test.each([
  { path: 'none/log', code: 404, message: 'pods "none" not found' },
  { path: 'two/log', code: 400, message: 'a container name must be specified for pod two, choose one of: [a waiting]' },
  { path: 'two/log?container=x', code: 400, message: 'container x is not valid for pod two' },
  {
    path: 'two/log?container=waiting',
    code: 400,
    message: 'container "waiting" in pod "p" is waiting to start: ContainerCreating',
  },
  { path: 'far/log', code: 503, message: 'node "n2" is not connected' },
  { path: 'one/exec?command=ls', code: 400, message: 'Upgrade request required' },
])('$path says $code', async ({ path, code, message }) => {
  const answer = await apiRequest(server, `${POD}/${path}`);
  expect([answer.code, answer.json.message]).toEqual([code, message]);
});

test('a pod without a node has no logs yet', async () => {
  expect((await apiRequest(server, `${POD}/unscheduled/log`)).code).toBe(204);
});

function upgrade(path: string, send: string): Promise<string> {
  const { hostname, port, ca, cert, key } = connectionOf(server) as Record<string, string>;
  const socket = connectTls({ host: hostname, port: Number(port), ca, cert, key, ALPNProtocols: ['http/1.1'] });
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n`,
  );
  return new Promise((resolve, reject) => {
    let text = '';
    let isOpen = false;
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!isOpen && text.includes('\r\n\r\n')) {
        isOpen = true;
        socket.write(send);
      }
      if (text.includes('echo:')) socket.end();
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

test('an upgraded stream passes through as raw bytes', async () => {
  const text = await upgrade(`${POD}/one/exec?command=sh&command=-c&stdin=true&stdout=true&tty=true`, 'hello');
  expect(text).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
  expect(text.toLowerCase()).toContain('x-stream-protocol-version: v4.channel.k8s.io\r\n');
  expect(text.endsWith('echo:hello')).toBe(true);
  expect(seen).toContain(
    'CN=kube-apiserver-kubelet-client POST /exec/default/one/c?input=1&output=1&tty=1&command=sh&command=-c',
  );
});

test('an upgrade that is refused says why', async () => {
  const text = await upgrade(`${POD}/unscheduled/portforward`, '');
  expect(text).toMatch(/^HTTP\/1\.1 400 BadRequest\r\n/);
  expect(text).toContain('pod unscheduled does not have a host assigned');
  expect(await upgrade('/api/v1/pods', '')).toContain('this address cannot be upgraded to another protocol');
});

test('nodes, services and pods behind /proxy', async () => {
  expect((await apiRequest(server, '/api/v1/nodes/n1/proxy/healthz')).text).toBe('ok');
  const service = '/api/v1/namespaces/default/services';
  const headers = { 'content-type': 'text/plain', 'x-custom': 'y' };
  const posted = await apiRequest(server, `${service}/web:http/proxy/a%20b/?q=1`, {
    method: 'POST',
    body: 'body',
    headers,
  });
  expect([posted.code, posted.text]).toEqual([200, 'POST /a%20b/?q=1 - body']);
  const { port } = backend.address() as AddressInfo;
  expect((await apiRequest(server, `${POD}/one:${port}/proxy/x`)).text).toBe('GET /x - ');
  const bare = await apiRequest(server, `${service}/web/proxy?a=b`);
  expect([bare.code, bare.headers.location]).toEqual([301, `${service}/web/proxy/?a=b`]);
  const moved = await apiRequest(server, `${service}/web/proxy/redirect`);
  expect([moved.code, moved.headers.location]).toEqual([302, `${service}/web/proxy/elsewhere`]);
  const none = await apiRequest(server, `${service}/empty/proxy/`);
  expect([none.code, none.json.message]).toEqual([503, 'no endpoints available for service "empty"']);
});
