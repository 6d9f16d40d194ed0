import type { Pod } from '#api/core/v1.ts';
import { PodError } from '../pod-hook.ts';

export interface PodHostname {
  /** What `hostname` prints. */
  readonly hostname: string;
  /** Fully qualified name in the cluster's zone; absent without a subdomain. */
  readonly fqdn: string | undefined;
}

const MAX_LABEL = 63;
const MAX_HOSTNAME = 64;

/** The pod's own name in its network. */
export function podHostname(pod: Pod, { clusterDomain }: { clusterDomain: string }): PodHostname {
  const { hostname, subdomain, setHostnameAsFQDN, hostnameOverride } = pod.spec;
  if (hostnameOverride !== undefined && hostnameOverride !== '') return { hostname: hostnameOverride, fqdn: undefined };
  const own = hostname === undefined || hostname === '' ? truncate(pod.metadata.name) : hostname;
  if (subdomain === undefined || subdomain === '') return { hostname: own, fqdn: undefined };
  const fqdn = `${own}.${subdomain}.${pod.metadata.namespace ?? 'default'}.svc.${clusterDomain}`;
  if (setHostnameAsFQDN !== true) return { hostname: own, fqdn };
  if (fqdn.length > MAX_HOSTNAME) {
    const problem = `failed to construct FQDN from pod hostname and cluster domain, FQDN ${fqdn} is too long (${MAX_HOSTNAME} characters is the max, ${fqdn.length} characters requested)`;
    throw new PodError('FailedCreatePodSandBox', problem);
  }
  return { hostname: fqdn, fqdn };
}

/** A pod's name may be longer than a host name. */
function truncate(name: string): string {
  return name.slice(0, MAX_LABEL).replace(/[-.]+$/, '');
}
