import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { probePort, requireFreePorts } from './host-ports.ts';
import { type HostPort, HostPortError } from './pod-network.ts';

const port = (hostPort: number, changes: Partial<HostPort> = {}): HostPort => ({
  hostPort,
  containerPort: 80,
  protocol: 'TCP',
  ...changes,
});
const free = async () => undefined;

describe('requireFreePorts', () => {
  test.each([
    { name: 'the same port', other: port(80), isTaken: true },
    { name: 'the same port on one address', other: port(80, { hostIp: '192.0.2.1' }), isTaken: true },
    { name: 'another port', other: port(81), isTaken: false },
    { name: 'another protocol', other: port(80, { protocol: 'UDP' }), isTaken: false },
  ])('$name of another pod', async ({ other, isTaken }) => {
    const done = requireFreePorts([port(80)], { others: [other], probe: free });
    if (isTaken) await expect(done).rejects.toThrow(HostPortError);
    else await done;
  });

  test('two addresses can have the same port', async () => {
    const others = [port(80, { hostIp: '192.0.2.1' })];
    await requireFreePorts([port(80, { hostIp: '192.0.2.2' })], { others, probe: free });
  });

  test('says what the system says when it is not about a listener', async () => {
    const probe = async () => Object.assign(new Error('no such address'), { code: 'EADDRNOTAVAIL' });
    await expect(requireFreePorts([port(80)], { others: [], probe })).rejects.toThrow(
      'Cannot use host port 80/TCP: no such address',
    );
  });
});

describe('probePort', () => {
  test('finds a TCP listener, and no more once it is gone', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const number = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await probePort(port(number))).toMatchObject({ code: 'EADDRINUSE' });
    await new Promise((resolve) => server.close(resolve));
    expect(await probePort(port(number))).toBeUndefined();
  });

  test('finds a UDP listener', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const taken = port(socket.address().port, { protocol: 'UDP', hostIp: '127.0.0.1' });
    expect(await probePort(taken)).toMatchObject({ code: 'EADDRINUSE' });
    await new Promise<void>((resolve) => socket.close(() => resolve()));
    expect(await probePort(taken)).toBeUndefined();
  });
});
