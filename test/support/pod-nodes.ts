import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BridgeNetwork } from '#agent/network/bridge-network.ts';
import type { NodeNetwork, PodAttachment } from '#agent/network/pod-network.ts';
import { createLogger } from '#base/logger.ts';
import { type NameServer, serveName } from './net-traffic.ts';
import { connectNamespaces, createNamespace, type TestNamespace } from './netns.ts';

export interface PodNode extends TestNamespace {
  readonly ip: string;
  readonly network: BridgeNetwork;
  /** Attaches a pod that answers with its name on these ports. */
  servePod(name: string, ports?: readonly number[]): Promise<PodAttachment & { server: NameServer }>;
}

export interface PodNodes {
  readonly nodes: readonly PodNode[];
  /** A machine beside the nodes that is none. */
  readonly outside: TestNamespace;
  destroy(): Promise<void>;
}

/** Network namespaces as nodes `n1`, `n2`... with a working pod network; Docker's policy to drop forwarded packets included. */
export async function createPodNodes(count: number, subnet: string): Promise<PodNodes> {
  const folder = await mkdtemp(join(tmpdir(), 'skiff-nodes-'));
  const namespaces: TestNamespace[] = [];
  for (let index = 0; index <= count; index++) namespaces.push(await createNamespace('skn'));
  const fabric = await connectNamespaces(namespaces, subnet);
  const peers = Array.from(
    { length: count },
    (_, index): NodeNetwork => ({
      nodeName: `n${index + 1}`,
      nodeIp: `${subnet}.${index + 1}`,
      podCidr: `10.42.${index + 1}.0/24`,
      clusterCidr: '10.42.0.0/16',
      serviceCidr: '10.43.0.0/16',
    }),
  );
  const servers: NameServer[] = [];
  const nodes: PodNode[] = [];
  for (const [index, peer] of peers.entries()) {
    const namespace = namespaces[index]!;
    await namespace.exec('iptables', ['-P', 'FORWARD', 'DROP']);
    const network = new BridgeNetwork({
      stateDir: join(folder, `state${index}`),
      namespaceDir: join(folder, `netns${index}`),
      log: createLogger({ level: 'silent' }),
      exec: namespace.exec,
      nodeNamespacePath: namespace.path,
      probe: async () => undefined,
    });
    await network.start();
    await network.configure(peer);
    await network.setPeers(peers);
    const servePod = async (name: string, ports: readonly number[] = [8080]) => {
      const pod = await network.attach(name, { hostPorts: [] });
      const server = await serveName(pod.namespacePath, name, ports);
      servers.push(server);
      return { ...pod, server };
    };
    nodes.push({ ...namespace, ip: peer.nodeIp, network, servePod });
  }
  return {
    nodes,
    outside: namespaces[count]!,
    async destroy() {
      for (const server of servers) await server.stop();
      for (const { network } of nodes) await network.removeAll();
      for (const namespace of [...namespaces, fabric]) await namespace.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
