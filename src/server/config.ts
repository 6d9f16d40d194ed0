import { isIP } from 'node:net';
import { ipv4ToNumber, parseIpv4Range, rangeContains } from '#base/ipv4.ts';
import { type OptionSpecs, type OptionValues, option } from '#base/options.ts';

/** A node gets a /24 of the pods' range. */
const LONGEST_POD_PREFIX = 24;
const LONGEST_SERVICE_PREFIX = 28;

/** Parts that `--disable` takes. Names of parts that other distributions have are accepted, since there is nothing to leave out. */
const DISABLABLE = new Set([
  'dns',
  'coredns',
  'proxy',
  'ingress',
  'traefik',
  'servicelb',
  'metrics-server',
  'local-storage',
]);

/** Options of the server role. Names that k3s has mean what they mean there. */
export const serverOptions = {
  'data-dir': option.string({ help: 'where all state is kept', value: 'DIR', default: '/var/lib/skiff' }),
  'bind-address': option.checked(
    option.string({ help: 'address the API listens on', value: 'IP', default: '0.0.0.0' }),
    requireIp,
  ),
  'https-listen-port': option.integer({ help: 'port of the API', value: 'PORT', default: 6443, min: 0, max: 65535 }),
  'advertise-address': option.checked(
    option.optional({
      help: 'address that nodes and pods reach the API by; the node address if not given',
      value: 'IP',
    }),
    requireIp,
  ),
  'tls-san': option.strings({ help: "more names and addresses for the API's certificate", value: 'NAME' }),
  token: option.optional({ help: 'secret that nodes join with; made on first start if not given', value: 'SECRET' }),
  'token-file': option.optional({ help: 'file with the secret that nodes join with', value: 'FILE' }),
  'cluster-cidr': option.checked(
    option.string({ help: 'addresses of pods', value: 'CIDR', default: '10.42.0.0/16' }),
    (text) => requireRange(text, LONGEST_POD_PREFIX),
  ),
  'service-cidr': option.checked(
    option.string({ help: 'addresses of services', value: 'CIDR', default: '10.43.0.0/16' }),
    (text) => requireRange(text, LONGEST_SERVICE_PREFIX),
  ),
  'cluster-dns': option.checked(
    option.string({ help: 'address of the cluster DNS, within the service CIDR', value: 'IP', default: '10.43.0.10' }),
    requireIp,
  ),
  'cluster-domain': option.string({ help: 'DNS domain of the cluster', value: 'DOMAIN', default: 'cluster.local' }),
  'service-node-port-range': option.checked(
    option.string({ help: 'ports for services of type NodePort', value: 'FROM-TO', default: '30000-32767' }),
    parsePortRange,
  ),
  'write-kubeconfig': option.string({
    help: 'where to write the kubeconfig of the administrator',
    value: 'FILE',
    default: '/etc/skiff/kubeconfig.yaml',
  }),
  'write-kubeconfig-mode': option.checked(
    option.string({ help: 'its file mode, e.g. 644', value: 'MODE', default: '600' }),
    parseMode,
  ),
  'disable-agent': option.boolean({ help: 'run no pods on this machine' }),
  disable: option.checked(option.strings({ help: 'parts to leave out: dns, proxy', value: 'PART' }), requireParts),
  'log-level': option.choice({
    help: 'how much to log',
    value: 'LEVEL',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
  }),
  docker: option.boolean({ help: 'use Docker, which is what skiff does anyway', hidden: true }),
  'warm-up': option.boolean({ help: 'start, serve a few requests and stop; used by the build', hidden: true }),
} satisfies OptionSpecs;

export interface ServerConfig {
  readonly dataDir: string;
  readonly bindAddress: string;
  readonly port: number;
  readonly advertiseAddress: string | undefined;
  readonly tlsSans: readonly string[];
  readonly token: string | undefined;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly nodePorts: { readonly from: number; readonly to: number };
  readonly kubeconfig: { readonly path: string; readonly mode: number };
  readonly disabled: ReadonlySet<string>;
}

/** Checks what a single option cannot know by itself; adds to `problems` what is wrong. */
export function serverConfig(values: OptionValues<typeof serverOptions>, problems: string[]): ServerConfig {
  const pods = parseIpv4Range(values['cluster-cidr']);
  const services = parseIpv4Range(values['service-cidr']);
  if (rangeContains(pods, services.base) || rangeContains(services, pods.base)) {
    problems.push(
      `--service-cidr: must not overlap --cluster-cidr (got "${values['service-cidr']}" and "${values['cluster-cidr']}")`,
    );
  }
  const dns = ipv4ToNumber(values['cluster-dns']) ?? -1;
  // The first two are the range itself and the API server's own service.
  if (!rangeContains(services, dns) || dns - services.base < 2) {
    problems.push(
      `--cluster-dns: must be an address within --service-cidr ${values['service-cidr']}, after its first two (got "${values['cluster-dns']}")`,
    );
  }
  return {
    dataDir: values['data-dir'],
    bindAddress: values['bind-address'],
    port: values['https-listen-port'],
    advertiseAddress: values['advertise-address'],
    tlsSans: values['tls-san'],
    token: values.token,
    clusterCidr: values['cluster-cidr'],
    serviceCidr: values['service-cidr'],
    clusterDns: values['cluster-dns'],
    clusterDomain: values['cluster-domain'],
    nodePorts: parsePortRange(values['service-node-port-range']),
    kubeconfig: { path: values['write-kubeconfig'], mode: parseMode(values['write-kubeconfig-mode']) },
    disabled: new Set(values.disable.map((part) => (part === 'coredns' ? 'dns' : part))),
  };
}

function parseMode(text: string): number {
  if (!/^0?[0-7]{3}$/.test(text)) throw new Error('must be an octal file mode such as 644');
  return Number.parseInt(text, 8);
}

function parsePortRange(text: string): { from: number; to: number } {
  const [, from, to] = (/^(\d{1,5})-(\d{1,5})$/.exec(text) ?? []).map(Number);
  if (from === undefined || to === undefined || from < 1 || to > 65535 || from > to) {
    throw new Error('must be two ports such as 30000-32767');
  }
  return { from, to };
}

function requireIp(text: string | undefined): void {
  if (isIP(text ?? '') === 0) throw new Error('must be an IP address');
}

function requireRange(text: string, longestPrefix: number): void {
  let prefix = Number.NaN;
  try {
    ({ prefix } = parseIpv4Range(text));
  } catch {
    // Said below.
  }
  if (!(prefix >= 8 && prefix <= longestPrefix)) {
    throw new Error(`must be an IPv4 range such as 10.42.0.0/16, no smaller than a /${longestPrefix}`);
  }
}

function requireParts(parts: readonly string[]): void {
  const unknown = parts.find((part) => !DISABLABLE.has(part));
  if (unknown !== undefined) {
    throw new Error(`there is no part "${unknown}"; parts are ${[...DISABLABLE].join(', ')}`);
  }
}
