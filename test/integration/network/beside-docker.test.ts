import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BridgeNetwork } from '#agent/network/bridge-network.ts';
import { services } from '#api/core/v1.ts';
import { endpointSlices } from '#api/discovery/v1.ts';
import { createLogger } from '#base/logger.ts';
import { ServiceProxy } from '#proxy/service-proxy.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import { createLab, type Lab } from '#test/lab/lab.ts';
import type { LabNode } from '#test/lab/node.ts';
import { ask, type NameServer, serveName } from '#test/support/net-traffic.ts';
import { canMakeNamespaces } from '#test/support/netns.ts';
import { service, slice } from '#test/support/services.ts';

const log = createLogger({ level: 'silent' });

describe.skipIf(!canMakeNamespaces())('network beside Docker', () => {
  let lab: Lab;
  const cache = new MemoryCache();
  const networks: BridgeNetwork[] = [];
  const proxies: ServiceProxy[] = [];
  const servers: NameServer[] = [];
  let before: string[];

  const rulesOf = async (node: LabNode) =>
    (await node.exec('iptables-save', [])).split('\n').filter((line) => line.startsWith('-A'));
  const nodeOf = ({ number, ip }: LabNode) => ({
    nodeName: `n${number}`,
    nodeIp: ip,
    podCidr: `10.42.${number}.0/24`,
    clusterCidr: '10.42.0.0/16',
    serviceCidr: '10.43.0.0/16',
  });

  beforeAll(async () => {
    lab = await createLab({ nodes: 2 });
    before = await rulesOf(lab.nodes[0]!);
    for (const node of lab.nodes) {
      const network = new BridgeNetwork({
        stateDir: join(node.dataDir, 'network'),
        namespaceDir: join(node.runDir, 'netns'),
        log,
        exec: (file, args, options) => node.exec(file, args, options),
        nodeNamespacePath: node.netnsPath,
        probe: async () => undefined,
      });
      await network.start();
      await network.configure(nodeOf(node));
      await network.setPeers(lab.nodes.map(nodeOf));
      networks.push(network);
      const proxy = new ServiceProxy({ cache, log, exec: (file, args, options) => node.exec(file, args, options) });
      proxy.configure({
        nodeName: `n${node.number}`,
        clusterCidr: '10.42.0.0/16',
        serviceCidr: '10.43.0.0/16',
        bridge: 'skiff0',
      });
      await proxy.start();
      proxies.push(proxy);
    }
  });

  afterAll(async () => {
    for (const server of servers) await server.stop();
    for (const proxy of proxies) await proxy.stop();
    for (const network of networks) await network.stop();
    await lab?.destroy();
  });

  test('pods and services work though Docker drops what it does not know, also after Docker put its rules first again', async () => {
    const [n1] = lab.nodes;
    const web = await networks[0]!.attach('web', {
      hostPorts: [{ hostPort: 8088, containerPort: 8080, protocol: 'TCP' }],
    });
    const client = await networks[1]!.attach('client', { hostPorts: [] });
    servers.push(await serveName(web.namespacePath, 'web', [8080]));
    cache.put(services, service('web', { type: 'NodePort', ports: [{ name: 'http', port: 80, nodePort: 30080 }] }));
    cache.put(endpointSlices, slice('web', [web.ip]));
    for (const proxy of proxies) await proxy.synced(AbortSignal.timeout(5000));
    const check = async () => {
      for (const address of [`${web.ip}:8080`, '10.43.0.80:80', `${n1!.ip}:30080`, `${n1!.ip}:8088`]) {
        expect(await ask(client.namespacePath, address), address).toMatchObject({ name: 'web' });
      }
      for (const port of [30080, 8088]) {
        for (const { ip } of port === 8088 ? [n1!] : lab.nodes) {
          expect(await ask(`/run/netns/${lab.outside.netns}`, `${ip}:${port}`), `${ip}:${port}`).toMatchObject({
            name: 'web',
          });
        }
      }
    };
    await check();
    await n1!.stopDocker();
    await n1!.startDocker();
    await check();
    // Firewalls of people stand in this chain.
    await n1!.exec('iptables', ['-A', 'DOCKER-USER', '-i', 'eth0', '-j', 'DROP']);
    await check();
  });

  test('Docker has its own rules back when ours are gone', async () => {
    await proxies[0]!.removeAll();
    await networks[0]!.removeAll();
    await lab.nodes[0]!.exec('iptables', ['-D', 'DOCKER-USER', '-i', 'eth0', '-j', 'DROP']);
    expect((await rulesOf(lab.nodes[0]!)).sort()).toEqual(before.sort());
    expect((await lab.nodes[0]!.exec('cat', ['/proc/sys/net/ipv4/ip_forward'])).trim()).toBe('1');
  });
});
