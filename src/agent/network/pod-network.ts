import type { Component } from '#base/component.ts';

/** Gives pods addresses and connects them with each other, the node and other nodes. Own links and chains only. */
export interface PodNetwork extends Component {
  /** Says which range this node's pods live in, and keeps bridge, masquerade and overlay device in place. Idempotent. */
  configure(node: NodeNetwork): Promise<void>;
  /** Routes to the other nodes; the whole truth every time. Idempotent, touches only what changed. */
  setPeers(peers: readonly PeerNode[]): Promise<void>;

  /**
   * Makes a network namespace for the pod with loopback, one interface, address and default route, before any process of
   * the pod runs. Idempotent: the same pod gets the same address, also after a restart of the agent.
   */
  attach(podUid: string, options: { hostPorts: readonly HostPort[] }): Promise<PodAttachment>;
  /** Undoes `attach` and frees the address; fine if there is nothing to undo. */
  detach(podUid: string): Promise<void>;
  /** Pods that hold an address, so that leftovers can be found. */
  attached(): Promise<readonly string[]>;
}

export interface NodeNetwork {
  nodeName: string;
  /** The node's own address that other nodes reach it by. */
  nodeIp: string;
  /** This node's pod range, e.g. `10.42.1.0/24`. */
  podCidr: string;
  clusterCidr: string;
  serviceCidr: string;
}

export interface PeerNode {
  nodeName: string;
  nodeIp: string;
  podCidr: string;
  /** Hardware address of its overlay device; derived from the pod range by a fixed rule, so nobody must announce it. */
  overlayMac: string;
}

export interface HostPort {
  hostIp?: string;
  hostPort: number;
  containerPort: number;
  protocol: 'TCP' | 'UDP' | 'SCTP';
}

export interface PodAttachment {
  /** A bind-mounted network namespace which the sandbox enters. */
  namespacePath: string;
  ip: string;
}
