import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { services } from '#api/core/v1.ts';
import { type Endpoint, endpointSlices } from '#api/discovery/v1.ts';
import { createLogger } from '#base/logger.ts';
import { ServiceProxy } from '#proxy/service-proxy.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import { eventually } from '#test/support/eventually.ts';
import { type Answer, ask, serveName } from '#test/support/net-traffic.ts';
import { canMakeNamespaces, type TestNamespace } from '#test/support/netns.ts';
import { createPodNodes, type PodNode, type PodNodes } from '#test/support/pod-nodes.ts';
import { balanced, service, slice } from '#test/support/services.ts';

const log = createLogger({ level: 'silent' });

describe.skipIf(!canMakeNamespaces())('service proxy in the kernel', () => {
  let lab: PodNodes;
  let n1: PodNode;
  let outside: TestNamespace;
  let cache: MemoryCache;
  let proxies: ServiceProxy[] = [];
  let client: string;
  const endpoint: Record<string, Endpoint> = {};

  const createProxy = (node: PodNode, index: number) => {
    const proxy = new ServiceProxy({ cache, log, exec: node.exec });
    const common = {
      clusterCidr: '10.42.0.0/16',
      serviceCidr: '10.43.0.0/16',
      bridge: 'skiff0',
      ownServiceIps: ['10.43.0.10'],
    };
    proxy.configure({ nodeName: `n${index + 1}`, ...common });
    return proxy;
  };
  const synced = () => Promise.all(proxies.map((proxy) => proxy.synced(AbortSignal.timeout(5000))));
  const rulesOf = async (node: PodNode) =>
    (await node.exec('iptables-save', []))
      .split('\n')
      .filter((line) => /^-A|^:SKIFF/.test(line))
      .map((line) => line.replace(/ \[.*/, ''));
  const askMany = async (from: string, address: string, count: number): Promise<Answer[]> =>
    Promise.all(Array.from({ length: count }, () => ask(from, address)));
  const names = (answers: readonly Answer[]) => [...new Set(answers.map(({ name }) => name))].sort();

  beforeAll(async () => {
    lab = await createPodNodes(2, '172.31.79');
    n1 = lab.nodes[0]!;
    outside = lab.outside;
    for (const [name, index] of [
      ['a', 0],
      ['b', 0],
      ['c', 1],
    ] as const) {
      const pod = await lab.nodes[index]!.servePod(name);
      endpoint[name] = { addresses: [pod.ip], nodeName: `n${index + 1}`, conditions: { ready: true } };
      if (name === 'a') client = pod.namespacePath;
    }
    // Whoever finds a way around the rules may at least have a route.
    await outside.exec('ip', ['route', 'add', '10.43.0.0/16', 'via', n1.ip]);
  });

  beforeEach(async () => {
    for (const proxy of proxies) await proxy.removeAll();
    cache = new MemoryCache();
    proxies = lab.nodes.map(createProxy);
    for (const proxy of proxies) await proxy.start();
  });

  afterAll(async () => {
    for (const proxy of proxies) await proxy.removeAll();
    expect((await rulesOf(n1)).filter((line) => line.includes('SKIFF-') && !line.includes('SKIFF-POD-'))).toEqual([]);
    await lab.destroy();
  });

  test('a cluster address spreads over pods of all nodes, from pods and from the node, but not from outside', async () => {
    cache.put(services, service('web'));
    cache.put(endpointSlices, slice('web', [endpoint['b']!, endpoint['c']!]));
    await synced();
    expect(names(await askMany(client, '10.43.0.80:80', 24))).toEqual(['b', 'c']);
    expect(names(await askMany(n1.path, '10.43.0.80:80', 24))).toEqual(['b', 'c']);
    expect(await ask(client, '10.43.0.80:80')).toMatchObject({ seenAs: '10.42.1.2' });
    await expect(ask(outside.path, '10.43.0.80:80', { timeoutMs: 700 })).rejects.toThrow();
  });

  test('a pod reaches itself through its service', async () => {
    cache.put(services, service('self'));
    cache.put(endpointSlices, slice('self', [endpoint['a']!]));
    await synced();
    expect(await ask(client, '10.43.0.80:80')).toEqual({ name: 'a', seenAs: '10.42.1.1' });
  });

  test('an endpoint that is a node is reached from pods of both nodes and from the nodes', async () => {
    const server = await serveName(n1.path, 'api', [6443]);
    cache.put(services, service('kubernetes', { clusterIP: '10.43.0.1', ports: [{ name: 'https', port: 443 }] }));
    const ports = [{ name: 'https', port: 6443, protocol: 'TCP' }];
    cache.put(endpointSlices, slice('kubernetes', [{ addresses: [n1.ip] }], { ports }));
    await synced();
    expect(await ask(client, '10.43.0.1:443')).toMatchObject({ name: 'api' });
    for (const node of lab.nodes) expect(await ask(node.path, '10.43.0.1:443')).toMatchObject({ name: 'api' });
    const other = await lab.nodes[1]!.network.attach('c', { hostPorts: [] });
    expect(await ask(other.namespacePath, '10.43.0.1:443')).toEqual({ name: 'api', seenAs: '172.31.79.2' });
    await server.stop();
  });

  test('without endpoints it is refused at once, and comes to life with the first one', async () => {
    cache.put(services, service('web', { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] }));
    await synced();
    for (const from of [client, n1.path]) await expect(ask(from, '10.43.0.80:80')).rejects.toThrow('refused');
    for (const from of [client, n1.path, outside.path])
      await expect(ask(from, `${n1.ip}:30080`)).rejects.toThrow('refused');
    cache.put(endpointSlices, slice('web', [endpoint['b']!]));
    await synced();
    expect(await ask(client, '10.43.0.80:80')).toMatchObject({ name: 'b' });
    expect(await ask(outside.path, `${n1.ip}:30080`)).toMatchObject({ name: 'b' });
  });

  test('unused ports and addresses of services are refused at once', async () => {
    cache.put(services, service('web'));
    cache.put(endpointSlices, slice('web', [endpoint['b']!]));
    await synced();
    for (const address of ['10.43.0.80:81', '10.43.9.9:80']) {
      for (const from of [client, n1.path]) await expect(ask(from, address)).rejects.toThrow('refused');
    }
  });

  test('a node port answers on every address of the node, 127.0.0.1 included', async () => {
    cache.put(services, service('web', { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] }));
    cache.put(endpointSlices, slice('web', [endpoint['b']!, endpoint['c']!]));
    await synced();
    for (const [from, address] of [
      [n1.path, '127.0.0.1:30080'],
      [n1.path, `${n1.ip}:30080`],
      [lab.nodes[1]!.path, `${n1.ip}:30080`],
      [client, `${n1.ip}:30080`],
      [client, `${lab.nodes[1]!.ip}:30080`],
      [outside.path, `${n1.ip}:30080`],
    ] as const) {
      expect(names(await askMany(from, address, 16)), `${address}`).toEqual(['b', 'c']);
    }
  });

  test('externalTrafficPolicy Local shows the sender and uses pods of the node; a node without one is silent', async () => {
    const spec = {
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ name: 'http', port: 80, nodePort: 30081 }],
    };
    cache.put(services, service('web', spec));
    cache.put(endpointSlices, slice('web', [endpoint['c']!]));
    await synced();
    expect(await ask(outside.path, `${lab.nodes[1]!.ip}:30081`)).toEqual({ name: 'c', seenAs: '172.31.79.3' });
    await expect(ask(outside.path, `${n1.ip}:30081`, { timeoutMs: 700 })).rejects.toThrow('timeout');
    expect(await ask(client, `${n1.ip}:30081`)).toMatchObject({ name: 'c' });
    expect(await ask(n1.path, '127.0.0.1:30081')).toMatchObject({ name: 'c' });
  });

  test('a load balancer on the node address honours source ranges; an external address works as well', async () => {
    const spec = { type: 'LoadBalancer', externalIPs: ['198.51.100.7'], ports: [{ name: 'http', port: 8888 }] };
    cache.put(services, service('web', spec, { status: balanced(n1.ip) }));
    cache.put(endpointSlices, slice('web', [endpoint['b']!]));
    await synced();
    await outside.exec('ip', ['route', 'replace', '198.51.100.7', 'via', n1.ip]);
    expect(await ask(outside.path, `${n1.ip}:8888`)).toMatchObject({ name: 'b' });
    expect(await ask(outside.path, '198.51.100.7:8888')).toMatchObject({ name: 'b' });
    expect(await ask(client, `${n1.ip}:8888`)).toMatchObject({ name: 'b' });
    cache.put(
      services,
      service('web', { ...spec, loadBalancerSourceRanges: ['172.31.79.2/32'] }, { status: balanced(n1.ip) }),
    );
    await synced();
    await expect(ask(outside.path, `${n1.ip}:8888`, { timeoutMs: 700 })).rejects.toThrow('timeout');
    expect(await ask(lab.nodes[1]!.path, `${n1.ip}:8888`)).toMatchObject({ name: 'b' });
    expect(await ask(n1.path, `${n1.ip}:8888`)).toMatchObject({ name: 'b' });
  });

  test('ClientIP affinity keeps a client with its endpoint', async () => {
    cache.put(services, service('web', { sessionAffinity: 'ClientIP' }));
    cache.put(endpointSlices, slice('web', [endpoint['b']!, endpoint['c']!]));
    await synced();
    expect(names(await askMany(client, '10.43.0.80:80', 20))).toHaveLength(1);
  });

  test('UDP follows its endpoints, though the kernel remembers flows', async () => {
    const ports = [{ name: 'dns', port: 53, protocol: 'UDP' }];
    const targets = { ports: [{ name: 'dns', port: 8080, protocol: 'UDP' }] };
    cache.put(services, service('dns', { ports }));
    cache.put(endpointSlices, slice('dns', [endpoint['b']!], targets));
    await synced();
    // One sender port for all questions: to the kernel they are one flow.
    const script =
      'const s=require("dgram").createSocket("udp4");s.bind(5353);s.on("message",m=>console.log(String(m).split(" ")[0]));setInterval(()=>s.send("x",53,"10.43.0.80"),50)';
    const flow = n1.spawn('nsenter', [`--net=${client}`, process.execPath, '-e', script]);
    let heard = '';
    flow.stdout?.on('data', (chunk) => (heard += chunk));
    await eventually(() => expect(heard).toContain('b'));
    cache.put(endpointSlices, slice('dns', [endpoint['c']!], targets));
    await synced();
    await eventually(() => expect(heard.trim().endsWith('c')).toBe(true), { withinMs: 3000 });
    flow.kill();
  });

  test('a change of one service touches only its own chains', async () => {
    for (const [index, name] of ['one', 'two', 'three'].entries()) {
      cache.put(services, service(name, { clusterIP: `10.43.0.${90 + index}` }));
      cache.put(endpointSlices, slice(name, [endpoint['b']!, endpoint['c']!]));
    }
    const ports = [{ name: 'http', port: 80, protocol: 'UDP', nodePort: 30083 }];
    const spec = {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      loadBalancerSourceRanges: ['192.0.2.0/24'],
      ports,
    };
    cache.put(services, service('sticky', { clusterIP: '10.43.0.99', sessionAffinity: 'ClientIP' }));
    cache.put(endpointSlices, slice('sticky', [endpoint['b']!, endpoint['c']!]));
    cache.put(services, service('outward', { clusterIP: '10.43.0.98', ...spec }, { status: balanced('192.0.2.7') }));
    cache.put(
      endpointSlices,
      slice('outward', [endpoint['c']!], { ports: [{ name: 'http', port: 1, protocol: 'UDP' }] }),
    );
    cache.put(services, service('empty', { clusterIP: '10.43.0.97' }));
    await synced();
    const before = await rulesOf(n1);
    const chains = before.flatMap((line) => (line.includes('10.43.0.90/32') ? line.split(' ').slice(-1) : []));
    const inputs: string[] = [];
    await proxies[0]!.stop();
    proxies[0] = new ServiceProxy({
      cache,
      log,
      exec: (file, args, options) => {
        if (file === 'iptables-restore') inputs.push(String(options?.input));
        return n1.exec(file, args, options);
      },
    });
    proxies[0].configure({
      nodeName: 'n1',
      clusterCidr: '10.42.0.0/16',
      serviceCidr: '10.43.0.0/16',
      bridge: 'skiff0',
      ownServiceIps: ['10.43.0.10'],
    });
    await proxies[0].start();
    await synced();
    // What the first look finds is what was planned, to the letter.
    expect(inputs).toEqual([]);
    cache.put(endpointSlices, slice('one', [endpoint['b']!]));
    await synced();
    expect(inputs).toHaveLength(1);
    const touched = [...(inputs[0] ?? '').matchAll(/^:(\S+)/gm)].map(([, chain]) => chain);
    expect(touched).toHaveLength(2);
    expect(touched).toContain(chains[0]);
    expect((await rulesOf(n1)).length).toBe(before.length - 4);
  });

  test('repairs what somebody removed, and removes what is stale, when it starts', async () => {
    cache.put(services, service('web'));
    cache.put(endpointSlices, slice('web', [endpoint['b']!]));
    await synced();
    const before = await rulesOf(n1);
    await proxies[0]!.stop();
    await n1.exec('iptables', ['-t', 'nat', '-F', 'SKIFF-SERVICES']);
    await n1.exec('iptables', ['-D', 'FORWARD', '-j', 'SKIFF-FORWARD']);
    await n1.exec('iptables', ['-t', 'nat', '-N', 'SKIFF-SVC-STALE']);
    await n1.exec('iptables', ['-t', 'nat', '-A', 'SKIFF-EXTERNAL', '-d', '192.0.2.9/32', '-j', 'SKIFF-SVC-STALE']);
    proxies[0] = createProxy(n1, 0);
    await proxies[0].start();
    await synced();
    expect((await rulesOf(n1)).sort()).toEqual(before.sort());
  });

  test('keeps the rules of before as long as the cache is not filled', async () => {
    cache.put(services, service('web'));
    cache.put(endpointSlices, slice('web', [endpoint['b']!]));
    await synced();
    await proxies[0]!.stop();
    let finish = () => {};
    const late = Object.assign(new MemoryCache(), { synced: () => new Promise<void>((resolve) => (finish = resolve)) });
    proxies[0] = new ServiceProxy({ cache: late, log, exec: n1.exec, coalesceMs: 1 });
    proxies[0].configure({
      nodeName: 'n1',
      clusterCidr: '10.42.0.0/16',
      serviceCidr: '10.43.0.0/16',
      bridge: 'skiff0',
    });
    await proxies[0].start();
    late.put(services, service('other', { clusterIP: '10.43.0.99' }));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await ask(client, '10.43.0.80:80')).toMatchObject({ name: 'b' });
    finish();
    await synced();
    await expect(ask(client, '10.43.0.80:80')).rejects.toThrow('refused');
  });

  test('a failure is tried again until it works', async () => {
    await proxies[0]!.stop();
    let isBroken = true;
    proxies[0] = new ServiceProxy({
      cache,
      log,
      exec: (file, args, options) => {
        if (isBroken && file === 'iptables-restore')
          return Promise.reject(new Error('Another app is currently holding the xtables lock'));
        return n1.exec(file, args, options);
      },
    });
    proxies[0].configure({
      nodeName: 'n1',
      clusterCidr: '10.42.0.0/16',
      serviceCidr: '10.43.0.0/16',
      bridge: 'skiff0',
    });
    cache.put(services, service('web'));
    cache.put(endpointSlices, slice('web', [endpoint['b']!]));
    await proxies[0].start();
    setTimeout(() => (isBroken = false), 300);
    await synced();
    expect(await ask(client, '10.43.0.80:80')).toMatchObject({ name: 'b' });
  });
});
