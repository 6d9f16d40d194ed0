import type { Component } from '#base/component.ts';

/**
 * Gives pods addresses and connects them with each other, the node and other nodes. Own links and chains only.
 * `configure` comes before the first `attach`; until then `attach` fails, `detach` works. Calls may overlap; those for one
 * pod are done one after the other.
 */
export interface PodNetwork extends Component {
  /**
   * Says which range this node's pods live in, and puts bridge, routes, masquerade and forwarding in place. Idempotent;
   * call it again when the node's address changes.
   */
  configure(node: NodeNetwork): Promise<void>;
  /** Routes to the other nodes; the whole truth every time. Idempotent, touches only what changed. */
  setPeers(peers: readonly PeerNode[]): Promise<void>;

  /**
   * Gives the pod's network namespace loopback, one interface, an address and a default route, before any process of the
   * pod runs. Makes the namespace unless `namespacePath` names one. Idempotent: the same pod gets the same address, also
   * after a restart of the agent or of the machine. Throws `HostPortError` if a host port is taken.
   */
  attach(podUid: string, options: AttachOptions): Promise<PodAttachment>;
  /** Undoes `attach` and frees the address; fine if there is nothing to undo. */
  detach(podUid: string): Promise<void>;
  /** Pods that hold an address, so that leftovers can be found. */
  attached(): Promise<readonly string[]>;

  /** Undoes everything this network ever made on the machine, pods included; needs no `configure`. For uninstalling. */
  removeAll(): Promise<void>;
}

export interface AttachOptions {
  hostPorts: readonly HostPort[];
  /** A namespace somebody else made (`/proc/PID/ns/net`), to be used instead of an own one. */
  namespacePath?: string;
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

/** Another node. The hardware address of its overlay device follows from its pod range, so nobody must announce it. */
export interface PeerNode {
  nodeName: string;
  nodeIp: string;
  podCidr: string;
}

export interface HostPort {
  hostIp?: string;
  hostPort: number;
  containerPort: number;
  protocol: 'TCP' | 'UDP' | 'SCTP';
}

export interface PodAttachment {
  /** The network namespace which the sandbox enters: bind-mounted, or the one that was given. */
  namespacePath: string;
  ip: string;
}

/** A host port cannot be given to the pod because something else has it. */
export class HostPortError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HostPortError';
  }
}
