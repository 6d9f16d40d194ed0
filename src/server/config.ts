import { isIP } from 'node:net';
import { type OptionSpecs, type OptionValues, option } from '#base/options.ts';

/** Options of the server role. Names that k3s has mean what they mean there. */
export const serverOptions = {
  'data-dir': option.string({ help: 'where all state is kept', value: 'DIR', default: '/var/lib/skiff' }),
  'bind-address': option.string({ help: 'address the API listens on', value: 'IP', default: '0.0.0.0' }),
  'https-listen-port': option.integer({ help: 'port of the API', value: 'PORT', default: 6443, min: 0, max: 65535 }),
  'advertise-address': option.optional({
    help: 'address that nodes and pods reach the API by; the node address if not given',
    value: 'IP',
  }),
  'tls-san': option.strings({ help: "more names and addresses for the API's certificate", value: 'NAME' }),
  token: option.optional({ help: 'secret that nodes join with; made on first start if not given', value: 'SECRET' }),
  'token-file': option.optional({ help: 'file with the secret that nodes join with', value: 'FILE' }),
  'cluster-cidr': option.string({ help: 'addresses of pods', value: 'CIDR', default: '10.42.0.0/16' }),
  'service-cidr': option.string({ help: 'addresses of services', value: 'CIDR', default: '10.43.0.0/16' }),
  'cluster-dns': option.string({
    help: 'address of the cluster DNS, within the service CIDR',
    value: 'IP',
    default: '10.43.0.10',
  }),
  'cluster-domain': option.string({ help: 'DNS domain of the cluster', value: 'DOMAIN', default: 'cluster.local' }),
  'service-node-port-range': option.string({
    help: 'ports for services of type NodePort',
    value: 'FROM-TO',
    default: '30000-32767',
  }),
  'write-kubeconfig': option.string({
    help: 'where to write the kubeconfig of the administrator',
    value: 'FILE',
    default: '/etc/skiff/kubeconfig.yaml',
  }),
  'write-kubeconfig-mode': option.string({ help: 'its file mode, e.g. 644', value: 'MODE', default: '600' }),
  'disable-agent': option.boolean({ help: 'run no pods on this machine' }),
  disable: option.strings({ help: 'parts to leave out: dns, proxy', value: 'PART' }),
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

/** Checks what a single option cannot know by itself; adds to `problems` what is wrong. */
export function serverConfig(values: OptionValues<typeof serverOptions>, problems: string[]): ServerConfig {
  const mode = Number.parseInt(values['write-kubeconfig-mode'], 8);
  if (!/^0?[0-7]{3}$/.test(values['write-kubeconfig-mode'])) {
    problems.push(
      `--write-kubeconfig-mode: must be an octal file mode such as 644 (got "${values['write-kubeconfig-mode']}")`,
    );
  }
  for (const name of ['cluster-cidr', 'service-cidr'] as const) {
    if (!isCidr(values[name]))
      problems.push(`--${name}: must be an IPv4 range such as 10.42.0.0/16 (got "${values[name]}")`);
  }
  for (const name of ['bind-address', 'advertise-address', 'cluster-dns'] as const) {
    const address = values[name];
    if (address !== undefined && isIP(address) === 0)
      problems.push(`--${name}: must be an IP address (got "${address}")`);
  }
  for (const part of values.disable) {
    if (!DISABLABLE.has(part))
      problems.push(`--disable: there is no part "${part}"; parts are ${[...DISABLABLE].join(', ')}`);
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
    nodePorts: portRange(values['service-node-port-range'], problems),
    kubeconfig: { path: values['write-kubeconfig'], mode },
    disabled: new Set(values.disable.map((part) => (part === 'coredns' ? 'dns' : part))),
  };
}

function portRange(text: string, problems: string[]): { from: number; to: number } {
  const [from = Number.NaN, to = Number.NaN] = text.split('-').map(Number);
  if (!(from >= 1 && to <= 65535 && from <= to)) {
    problems.push(`--service-node-port-range: must be two ports such as 30000-32767 (got "${text}")`);
  }
  return { from, to };
}

function isCidr(text: string): boolean {
  const [address = '', bits = ''] = text.split('/');
  return isIP(address) === 4 && /^\d+$/.test(bits) && Number(bits) >= 8 && Number(bits) <= 28;
}
