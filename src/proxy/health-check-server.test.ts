import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createLogger } from '#base/logger.ts';
import { HealthCheckServer } from './health-check-server.ts';

const server = new HealthCheckServer(createLogger({ level: 'silent' }));
afterEach(() => server.stop());

function listen(): Promise<{ port: number; close: () => Promise<void> }> {
  const listener = createServer();
  return new Promise((resolve) =>
    listener.listen(0, () => {
      const address = listener.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      resolve({ port, close: () => new Promise((done) => listener.close(() => done())) });
    }),
  );
}

async function freePort(): Promise<number> {
  const { port, close } = await listen();
  await close();
  return port;
}

const check = (port: number, localEndpoints: number) => ({ namespace: 'default', name: 'web', port, localEndpoints });
const ask = (port: number) => fetch(`http://127.0.0.1:${port}/healthz`);

test('answers 200 with endpoints and 503 without, as things change', async () => {
  const port = await freePort();
  await server.set([check(port, 2)]);
  const answer = await ask(port);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ service: { namespace: 'default', name: 'web' }, localEndpoints: 2 });
  await server.set([check(port, 0)]);
  expect((await ask(port)).status).toBe(503);
  await server.set([]);
  await expect(ask(port)).rejects.toThrow();
});

test('a taken port is tried again', async () => {
  const { port, close } = await listen();
  await server.set([check(port, 1)]);
  await close();
  await server.set([check(port, 1)]);
  expect((await ask(port)).status).toBe(200);
});
