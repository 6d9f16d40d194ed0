import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { services } from '#api/core/v1.ts';
import { createLogger } from '#base/logger.ts';
import { ensureLocalAddress, removeLocalAddress } from '#dns/local-address.ts';
import { ServiceProxy } from '#proxy/service-proxy.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import { canMakeNamespaces, execIn } from '#test/support/netns.ts';
import { createPodNodes, type PodNode, type PodNodes } from '#test/support/pod-nodes.ts';
import { service } from '#test/support/services.ts';

describe.skipIf(!canMakeNamespaces())('cluster DNS on its service address', () => {
  let lab: PodNodes;
  let node: PodNode;
  let proxy: ServiceProxy;

  const lookUp = (namespacePath: string) => {
    const script = `const r=new (require('dns').Resolver)({timeout:700,tries:1});r.setServers(['10.43.0.10']);r.resolve4('web.default.svc.cluster.local',(e,a)=>console.log(e?e.code:a[0]))`;
    return execIn(namespacePath)(process.execPath, ['-e', script]).then((text) => text.trim());
  };

  beforeAll(async () => {
    lab = await createPodNodes(1, '172.31.80');
    node = lab.nodes[0]!;
    await lab.outside.exec('ip', ['route', 'add', '10.43.0.0/16', 'via', node.ip]);
    const program = node.spawn(process.execPath, [new URL('../../support/dns-program.ts', import.meta.url).pathname]);
    expect(String((await once(program.stdout!, 'data'))[0])).toBe('ready\n');
    // A Service without endpoints that stands for it must not get in the way.
    const cache = new MemoryCache();
    cache.put(
      services,
      service('kube-dns', { clusterIP: '10.43.0.10', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] }),
    );
    proxy = new ServiceProxy({ cache, log: createLogger({ level: 'silent' }), exec: node.exec });
    const common = { nodeName: 'n1', clusterCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16', bridge: 'skiff0' };
    proxy.configure({ ...common, ownServiceIps: ['10.43.0.10'] });
    await proxy.start();
    await proxy.synced(AbortSignal.timeout(5000));
    // A host firewall that drops all it does not know.
    await node.exec('iptables', ['-A', 'INPUT', '-i', 'lo', '-j', 'ACCEPT']);
    await node.exec('iptables', ['-P', 'INPUT', 'DROP']);
  });

  afterAll(async () => {
    await proxy?.removeAll();
    await lab?.destroy();
  });

  test('answers pods and the node itself, and nobody outside', async () => {
    const pod = await node.network.attach('client', { hostPorts: [] });
    expect(await lookUp(pod.namespacePath)).toBe('10.43.0.80');
    expect(await lookUp(node.path)).toBe('10.43.0.80');
    await node.exec('iptables', ['-P', 'INPUT', 'ACCEPT']);
    expect(await lookUp(lab.outside.path)).toBe('ETIMEOUT');
  });

  test('the address comes once and goes without a trace', async () => {
    const { exec } = lab.outside;
    for (const ip of ['10.43.0.10', '10.43.0.10', '10.43.0.11']) await ensureLocalAddress(ip, { exec });
    expect(await exec('ip', ['-br', '-4', 'address', 'show', 'dev', 'skiff-dns'])).toMatch(/\s10\.43\.0\.11\/32\s*$/);
    await removeLocalAddress({ exec });
    await removeLocalAddress({ exec });
    expect(await exec('ip', ['-br', 'link'])).not.toContain('skiff-dns');
  });
});
