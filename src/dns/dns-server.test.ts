import { createSocket, type Socket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import dnsPacket, { type DecodedPacket, type RecordType } from 'dns-packet';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { namespaces, services } from '#api/core/v1.ts';
import { endpointSlices } from '#api/discovery/v1.ts';
import { createLogger } from '#base/logger.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import { eventually } from '#test/support/eventually.ts';
import { service, slice } from '#test/support/services.ts';
import { DnsServer } from './dns-server.ts';

type Packet = DecodedPacket & { rcode: string };

function askUdp(port: number, name: string, type: RecordType = 'A'): Promise<Packet> {
  const socket = createSocket('udp4');
  const bytes = dnsPacket.encode({
    type: 'query',
    id: 1,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type }],
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('timeout')), 3000);
    socket.on('message', (message) => {
      clearTimeout(timer);
      socket.close();
      resolve(dnsPacket.decode(message) as Packet);
    });
    socket.send(bytes, port, '127.0.0.1');
  });
}

function askTcp(port: number, names: readonly string[]): Promise<Packet[]> {
  const socket = connect(port, '127.0.0.1');
  // All at once, and cut where it hurts.
  const bytes = Buffer.concat(
    names.map((name) => dnsPacket.streamEncode({ type: 'query', id: 1, questions: [{ name, type: 'A' }] })),
  );
  socket.write(bytes.subarray(0, 5));
  setTimeout(() => socket.write(bytes.subarray(5)), 20);
  let received = Buffer.alloc(0);
  const packets: Packet[] = [];
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        packets.push(dnsPacket.decode(received.subarray(2, 2 + received.readUInt16BE(0))) as Packet);
        received = received.subarray(2 + received.readUInt16BE(0));
      }
      if (packets.length < names.length) return;
      socket.destroy();
      resolve(packets);
    });
  });
}

const data = (packet: Packet) => packet.answers?.map((answer) => ('data' in answer ? answer.data : undefined));

describe('DnsServer', () => {
  let folder: string;
  let cache: MemoryCache;
  let server: DnsServer;
  let upstream: Socket;
  let port: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skiff-dns-'));
    upstream = createSocket('udp4');
    upstream.on('message', (message, { port: from }) => {
      const { id, questions = [] } = dnsPacket.decode(message);
      const answers = questions.map(({ name }) => ({ name, type: 'A' as const, ttl: 60, data: '192.0.2.77' }));
      upstream.send(dnsPacket.encode({ type: 'response', id: id ?? 0, questions, answers }), from, '127.0.0.1');
    });
    await new Promise<void>((resolve) => upstream.bind(0, '127.0.0.1', resolve));
    await writeFile(join(folder, 'resolv.conf'), '');
    cache = new MemoryCache();
    cache.put(namespaces, { metadata: { name: 'default' }, spec: {} });
    server = new DnsServer({
      cache,
      log: createLogger({ level: 'silent' }),
      zone: 'cluster.local',
      dnsIp: '10.43.0.10',
      clusterCidr: '10.42.0.0/16',
      serviceCidr: '10.43.0.0/16',
      addresses: [{ ip: '127.0.0.1', port: 0 }],
      resolvConfFiles: [join(folder, 'resolv.conf')],
      stubDomains: { 'corp.example': [{ host: '127.0.0.1', port: upstream.address().port }] },
    });
    await server.start(AbortSignal.timeout(5000));
    const [address] = await server.listening(AbortSignal.timeout(5000));
    port = address!.port;
  });

  afterEach(async () => {
    await server.stop();
    await new Promise<void>((resolve) => upstream.close(() => resolve()));
    await rm(folder, { recursive: true });
  });

  test('a new service has a name in well under a second, and loses it again', async () => {
    await eventually(async () => expect((await askUdp(port, 'web.default.svc.cluster.local')).rcode).toBe('NXDOMAIN'));
    cache.put(services, service('web'));
    const started = performance.now();
    await eventually(
      async () => expect(data(await askUdp(port, 'web.default.svc.cluster.local'))).toEqual(['10.43.0.80']),
      { everyMs: 5 },
    );
    expect(performance.now() - started).toBeLessThan(1000);
    cache.remove(services, { namespace: 'default', name: 'web' });
    await eventually(async () => expect((await askUdp(port, 'web.default.svc.cluster.local')).rcode).toBe('NXDOMAIN'));
  });

  test('endpoints of a headless service follow their slices', async () => {
    cache.put(services, service('db', { clusterIP: 'None' }));
    cache.put(endpointSlices, slice('db', ['10.42.0.2', '10.42.0.3']));
    await eventually(async () =>
      expect(data(await askUdp(port, 'db.default.svc.cluster.local'))?.sort()).toEqual(['10.42.0.2', '10.42.0.3']),
    );
    cache.put(endpointSlices, slice('db', ['10.42.0.3']));
    await eventually(async () =>
      expect(data(await askUdp(port, 'db.default.svc.cluster.local'))).toEqual(['10.42.0.3']),
    );
  });

  test('what is too long for UDP is told by TCP', async () => {
    cache.put(services, service('db', { clusterIP: 'None' }));
    cache.put(
      endpointSlices,
      slice(
        'db',
        Array.from({ length: 100 }, (_, index) => `10.42.0.${index + 2}`),
      ),
    );
    await eventually(async () => expect((await askUdp(port, 'db.default.svc.cluster.local')).flag_tc).toBe(true));
    const [first, second] = await askTcp(port, ['db.default.svc.cluster.local', 'nope.default.svc.cluster.local']);
    expect([first?.flag_tc, first?.answers?.length, second?.rcode]).toEqual([false, 100, 'NXDOMAIN']);
  });

  test('other names are asked for elsewhere, external names too', async () => {
    expect(data(await askUdp(port, 'www.corp.example'))).toEqual(['192.0.2.77']);
    cache.put(services, service('ext', { type: 'ExternalName', externalName: 'www.corp.example' }));
    await eventually(async () =>
      expect(data(await askUdp(port, 'ext.default.svc.cluster.local'))).toEqual(['www.corp.example', '192.0.2.77']),
    );
    // No server for the rest of the world: an answer all the same, and at once.
    const started = performance.now();
    expect((await askUdp(port, 'example.com')).rcode).toBe('SERVFAIL');
    expect(performance.now() - started).toBeLessThan(500);
  });

  test('starts with no cache, and denies nothing meanwhile', async () => {
    const late = new DnsServer({
      cache: Object.assign(new MemoryCache(), { synced: () => new Promise<void>(() => {}) }),
      log: createLogger({ level: 'silent' }),
      zone: 'cluster.local',
      dnsIp: '10.43.0.10',
      clusterCidr: '10.42.0.0/16',
      serviceCidr: '10.43.0.0/16',
      addresses: [{ ip: '127.0.0.1', port: 0 }],
      resolvConfFiles: [],
    });
    await late.start(AbortSignal.timeout(5000));
    const [address] = await late.listening(AbortSignal.timeout(5000));
    expect((await askUdp(address!.port, 'web.default.svc.cluster.local')).rcode).toBe('SERVFAIL');
    await late.stop();
  });
});
