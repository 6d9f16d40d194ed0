import type { Pod } from '#api/core/v1.ts';

export interface ResolverConfig {
  readonly nameservers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface DnsSettings {
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  /** The node's own resolver configuration. */
  readonly node: ResolverConfig;
}

const MAX_NAMESERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARS = 2048;

/** Reads a `resolv.conf`; the last `search` or `domain` line counts. */
export function parseResolvConf(text: string): ResolverConfig {
  const nameservers: string[] = [];
  const options: string[] = [];
  let searches: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver') nameservers.push(...words.slice(0, 1));
    else if (keyword === 'search' || keyword === 'domain') searches = words;
    else if (keyword === 'options') options.push(...words);
  }
  return { nameservers, searches, options };
}

/** The resolver of a pod, by its DNS policy and what its `dnsConfig` adds. */
export function podResolver({ metadata, spec }: Pod, { clusterDns, clusterDomain, node }: DnsSettings): ResolverConfig {
  const { dnsPolicy = 'ClusterFirst', dnsConfig, hostNetwork } = spec;
  const usesCluster =
    clusterDns.length > 0 &&
    (dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && hostNetwork !== true));
  const cluster: ResolverConfig = {
    nameservers: clusterDns,
    searches: [
      `${metadata.namespace ?? 'default'}.svc.${clusterDomain}`,
      `svc.${clusterDomain}`,
      clusterDomain,
      ...node.searches,
    ],
    options: ['ndots:5'],
  };
  const base = dnsPolicy === 'None' ? { nameservers: [], searches: [], options: [] } : usesCluster ? cluster : node;
  const added = (dnsConfig?.options ?? []).map(({ name = '', value }) =>
    value === undefined ? name : `${name}:${value}`,
  );
  return {
    nameservers: unique([...base.nameservers, ...(dnsConfig?.nameservers ?? [])]).slice(0, MAX_NAMESERVERS),
    searches: withinLimit(unique([...base.searches, ...(dnsConfig?.searches ?? [])])),
    options: mergeOptions(base.options, added),
  };
}

const unique = (items: readonly string[]) => [...new Set(items)];

function withinLimit(searches: readonly string[]): string[] {
  const kept = searches.slice(0, MAX_SEARCHES);
  while (kept.join(' ').length > MAX_SEARCH_CHARS) kept.pop();
  return kept;
}

/** A later option replaces an earlier one of the same name. */
function mergeOptions(base: readonly string[], added: readonly string[]): string[] {
  const byName = new Map([...base, ...added].map((option) => [option.split(':')[0] ?? '', option]));
  return [...byName.values()];
}

export function formatResolvConf({ nameservers, searches, options }: ResolverConfig): string {
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...nameservers.map((nameserver) => `nameserver ${nameserver}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
