/** What rules depend on besides Services and EndpointSlices. */
export interface ProxyNode {
  readonly nodeName: string;
  /** All pods of the cluster. */
  readonly clusterCidr: string;
  /** All service addresses. */
  readonly serviceCidr: string;
  /** The device by which this node's pods send. */
  readonly bridge: string;
  /** The node's `topology.kubernetes.io/zone`. */
  readonly zone?: string | undefined;
  /** Service addresses that a program of this very node listens on, such as the cluster's DNS: they need no rules. */
  readonly ownServiceIps?: readonly string[];
}
