import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BridgeNetwork } from '#agent/network/bridge-network.ts';
import type { HostPort, NodeNetwork } from '#agent/network/pod-network.ts';
import { createLogger } from '#base/logger.ts';
import { ask, type NameServer, serveName } from '#test/support/net-traffic.ts';
import { canMakeNamespaces, connectNamespaces, createNamespace, type TestNamespace } from '#test/support/netns.ts';

const log = createLogger({ level: 'silent' });

function nodeNetwork(index: number): NodeNetwork {
  return {
    nodeName: `n${index}`,
    nodeIp: `172.31.78.${index}`,
    podCidr: `10.42.${index}.0/24`,
    clusterCidr: '10.42.0.0/16',
    serviceCidr: '10.43.0.0/16',
  };
}

describe.skipIf(!canMakeNamespaces())('pod network in the kernel', () => {
  let folder: string;
  let fabric: TestNamespace;
  const nodes: TestNamespace[] = [];
  const networks: BridgeNetwork[] = [];
  const servers: NameServer[] = [];
  let before: unknown;

  const networkOf = (index: number, options: { taken?: number } = {}) =>
    new BridgeNetwork({
      stateDir: join(folder, `state${index}`),
      namespaceDir: join(folder, `netns${index}`),
      log,
      exec: nodes[index - 1]!.exec,
      nodeNamespacePath: nodes[index - 1]!.path,
      probe: async ({ hostPort }) =>
        hostPort === options.taken ? Object.assign(new Error('in use'), { code: 'EADDRINUSE' }) : undefined,
    });
  const snapshot = async (node: TestNamespace) => [
    // Empty tables stay once they have been used, by anybody.
    (await node.exec('iptables-save', [])).split('\n').filter((line) => /^-A|^:\S+ (-|DROP)/.test(line)),
    await node.exec('sh', [
      '-c',
      'ip -br link; ip route; ip neigh show nud permanent; cat /proc/sys/net/ipv4/ip_forward',
    ]),
  ];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skiff-podnet-'));
    nodes.push(await createNamespace('skn'), await createNamespace('skn'), await createNamespace('skn'));
    fabric = await connectNamespaces(nodes, '172.31.78');
    for (const node of nodes) await node.exec('iptables', ['-P', 'FORWARD', 'DROP']);
    before = await snapshot(nodes[0]!);
    for (const index of [1, 2]) {
      const network = networkOf(index, { taken: 81 });
      networks.push(network);
      await network.start();
      await network.configure(nodeNetwork(index));
    }
    await networks[0]!.setPeers([nodeNetwork(2)]);
    await networks[1]!.setPeers([nodeNetwork(1)]);
  });

  afterAll(async () => {
    for (const server of servers) await server.stop();
    for (const network of networks) await network.removeAll();
    for (const node of [...nodes, fabric]) await node?.destroy();
    await rm(folder, { recursive: true, force: true });
  });

  const attach = async (index: number, podUid: string, hostPorts: HostPort[] = []) => {
    const pod = await networks[index - 1]!.attach(podUid, { hostPorts });
    servers.push(await serveName(pod.namespacePath, podUid, [8080]));
    return pod;
  };

  test('pods reach pods on any node under their own address, nodes reach pods, and pods reach outside as the node', async () => {
    const a = await attach(1, 'pod-a');
    const b = await attach(1, 'pod-b');
    const c = await attach(2, 'pod-c');
    expect([a.ip, b.ip, c.ip]).toEqual(['10.42.1.2', '10.42.1.3', '10.42.2.2']);
    expect(await ask(a.namespacePath, `${b.ip}:8080`)).toEqual({ name: 'pod-b', seenAs: a.ip });
    expect(await ask(a.namespacePath, `${c.ip}:8080`)).toEqual({ name: 'pod-c', seenAs: a.ip });
    expect(await ask(c.namespacePath, `${a.ip}:8080`, { protocol: 'udp' })).toEqual({ name: 'pod-a', seenAs: c.ip });
    expect(await ask(nodes[0]!.path, `${b.ip}:8080`)).toEqual({ name: 'pod-b', seenAs: '10.42.1.1' });
    expect(await ask(nodes[0]!.path, `${c.ip}:8080`)).toEqual({ name: 'pod-c', seenAs: '10.42.1.0' });
    servers.push(await serveName(nodes[2]!.path, 'outside', [80]));
    expect(await ask(a.namespacePath, '172.31.78.3:80')).toEqual({ name: 'outside', seenAs: '172.31.78.1' });
    expect(await ask(a.namespacePath, `${a.ip}:8080`)).toMatchObject({ name: 'pod-a' });
  });

  test('host ports lead to the pod from everywhere, and taken ones are refused', async () => {
    const port = (hostPort: number): HostPort => ({ hostPort, containerPort: 8080, protocol: 'TCP' });
    const web = await attach(1, 'pod-web', [
      port(80),
      { ...port(82), hostIp: '127.0.0.1' },
      { ...port(53), protocol: 'UDP' },
    ]);
    expect(await ask(nodes[0]!.path, '127.0.0.1:80')).toMatchObject({ name: 'pod-web' });
    expect(await ask(nodes[0]!.path, '172.31.78.1:80')).toMatchObject({ name: 'pod-web' });
    expect(await ask(nodes[0]!.path, '127.0.0.1:82')).toMatchObject({ name: 'pod-web' });
    expect(await ask(nodes[2]!.path, '172.31.78.1:80')).toEqual({ name: 'pod-web', seenAs: '172.31.78.3' });
    expect(await ask(nodes[2]!.path, '172.31.78.1:53', { protocol: 'udp' })).toMatchObject({ name: 'pod-web' });
    expect(await ask(web.namespacePath, '172.31.78.1:80')).toEqual({ name: 'pod-web', seenAs: '10.42.1.1' });
    await expect(ask(nodes[2]!.path, '172.31.78.1:82')).rejects.toThrow('refused');
    await expect(networks[0]!.attach('pod-2nd', { hostPorts: [port(80)] })).rejects.toThrow(
      'Cannot use host port 80/TCP: another pod on this node has it',
    );
    await expect(networks[0]!.attach('pod-2nd', { hostPorts: [port(81)] })).rejects.toThrow(
      'Cannot use host port 81/TCP: a program on this node listens on it',
    );
    expect(await networks[0]!.attached()).not.toContain('pod-2nd');
    await networks[0]!.detach('pod-web');
    await expect(ask(nodes[2]!.path, '172.31.78.1:80')).rejects.toThrow('refused');
  });

  test('programs of the node that listen on 127.0.0.1 stay out of pods reach', async () => {
    servers.push(await serveName(nodes[0]!.path, 'private', [9000]));
    const a = await networks[0]!.attach('pod-a', { hostPorts: [] });
    const inside = ['-batch', '-'];
    await nodes[0]!.exec('nsenter', [`--net=${a.namespacePath}`, 'ip', ...inside], {
      input: 'link set lo down\naddr flush dev lo\nroute add 127.0.0.1/32 via 10.42.1.1 dev eth0\n',
    });
    await nodes[0]!.exec(
      'nsenter',
      [`--net=${a.namespacePath}`, 'tee', '/proc/sys/net/ipv4/conf/eth0/route_localnet'],
      { input: '1' },
    );
    await expect(ask(a.namespacePath, '127.0.0.1:9000', { timeoutMs: 700 })).rejects.toThrow('timeout');
  });

  test('wires a namespace somebody else made', async () => {
    const foreign = await createNamespace('skx');
    const options = { hostPorts: [], namespacePath: foreign.path };
    const pod = await networks[0]!.attach('pod-foreign', options);
    expect(pod.namespacePath).toBe(foreign.path);
    servers.push(await serveName(foreign.path, 'pod-foreign', [8080]));
    expect(await ask(nodes[0]!.path, `${pod.ip}:8080`)).toMatchObject({ name: 'pod-foreign' });
    expect(await networks[0]!.attach('pod-foreign', options)).toEqual(pod);
    await servers.pop()?.stop();
    await networks[0]!.detach('pod-foreign');
    expect(await foreign.exec('ip', ['-br', 'link'])).not.toContain('eth0');
    await foreign.destroy();
  });

  test('a restart of the agent keeps pods wired, a reboot gives them their addresses again', async () => {
    const known = await networks[0]!.attach('pod-b', { hostPorts: [] });
    await networks[0]!.stop();
    const rules = await snapshot(nodes[0]!);
    networks[0] = networkOf(1);
    await networks[0].start();
    await networks[0].configure(nodeNetwork(1));
    expect(await snapshot(nodes[0]!)).toEqual(rules);
    expect(await networks[0].attach('pod-b', { hostPorts: [] })).toEqual(known);
    // The server in the namespace is still the same one.
    expect(await ask(nodes[0]!.path, `${known.ip}:8080`)).toMatchObject({ name: 'pod-b' });

    for (const path of await readdir(join(folder, 'netns1')))
      await nodes[0]!.exec('umount', [join(folder, 'netns1', path)]);
    await nodes[0]!.exec('ip', ['link', 'del', 'skiff0']);
    await nodes[0]!.exec('ip', ['link', 'del', 'skiff.1']);
    networks[0] = networkOf(1);
    await networks[0].start();
    await networks[0].configure(nodeNetwork(1));
    expect(await networks[0].attach('pod-b', { hostPorts: [] })).toEqual(known);
    await expect(ask(nodes[0]!.path, `${known.ip}:8080`)).rejects.toThrow('refused');
    servers.push(await serveName(known.namespacePath, 'pod-b2', [8080]));
    expect(await ask(nodes[1]!.path, `${known.ip}:8080`)).toMatchObject({ name: 'pod-b2' });
  });

  test('a peer that leaves or moves is followed, without touching the others', async () => {
    await networks[0]!.setPeers([nodeNetwork(2), { nodeName: 'n9', nodeIp: '172.31.78.9', podCidr: '10.42.9.0/24' }]);
    await networks[0]!.setPeers([nodeNetwork(2), { nodeName: 'n9', nodeIp: '172.31.78.10', podCidr: '10.42.9.0/24' }]);
    const fdb = await nodes[0]!.exec('bridge', ['fdb', 'show', 'dev', 'skiff.1']);
    expect(fdb.trim().split('\n').sort()).toEqual([
      expect.stringContaining('0a:5c:0a:2a:02:00 dst 172.31.78.2'),
      expect.stringContaining('0a:5c:0a:2a:09:00 dst 172.31.78.10'),
    ]);
    await networks[0]!.setPeers([nodeNetwork(2)]);
    expect(await nodes[0]!.exec('ip', ['route', 'show', 'dev', 'skiff.1'])).not.toContain('10.42.9.0');
    expect(await nodes[0]!.exec('bridge', ['fdb', 'show', 'dev', 'skiff.1'])).not.toContain('0a:5c:0a:2a:09:00');
  });

  test('restores rules that somebody flushed', async () => {
    await nodes[0]!.exec('iptables', ['-t', 'nat', '-F']);
    await nodes[0]!.exec('iptables', ['-F', 'FORWARD']);
    await networks[0]!.configure(nodeNetwork(1));
    const b = await networks[0]!.attach('pod-b', { hostPorts: [] });
    expect(await ask(b.namespacePath, '172.31.78.3:80')).toEqual({ name: 'outside', seenAs: '172.31.78.1' });
  });

  test('removeAll leaves no trace', async () => {
    await networks[0]!.removeAll();
    expect(await snapshot(nodes[0]!)).toEqual(before);
    expect(await readdir(folder)).not.toContain('netns1');
    expect(await readdir(join(folder, 'state1'))).toEqual([]);
  });
});
