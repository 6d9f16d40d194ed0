import type { HostAlias } from '#api/core/v1.ts';
import type { PodHostname } from './hostname.ts';

const LOOPBACK = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::0\tip6-localnet',
  'fe00::0\tip6-mcastprefix',
  'fe00::1\tip6-allnodes',
  'fe00::2\tip6-allrouters',
];

export interface HostsFileOptions {
  readonly hostname: PodHostname;
  readonly ips: readonly string[];
  readonly aliases: readonly HostAlias[];
  /** The node's own file, for pods in the node's network. */
  readonly nodeFile: string | undefined;
}

/** Content of the pod's `/etc/hosts`. */
export function hostsFile({ hostname, ips, aliases, nodeFile }: HostsFileOptions): string {
  const extra = aliasLines(aliases);
  if (nodeFile !== undefined) {
    return ['# Kubernetes-managed hosts file (host network).', nodeFile.trimEnd(), ...extra, ''].join('\n');
  }
  const names = [...(hostname.fqdn === undefined ? [] : [hostname.fqdn]), hostname.hostname];
  const own = ips.map((ip) => `${ip}\t${[...new Set(names)].join('\t')}`);
  return ['# Kubernetes-managed hosts file.', ...LOOPBACK, ...own, ...extra, ''].join('\n');
}

function aliasLines(aliases: readonly HostAlias[]): string[] {
  if (aliases.length === 0) return [];
  return [
    '',
    '# Entries added by HostAliases.',
    ...aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`),
  ];
}
