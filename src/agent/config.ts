import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { type OptionSpecs, type OptionValues, option } from '#base/options.ts';

/** Options of the agent role that make sense on a server's own node too. */
export const nodeOptions = {
  'node-name': option.checked(
    option.optional({ help: 'name of this node; the host name if not given', value: 'NAME' }),
    requireName,
  ),
  'node-ip': option.checked(
    option.optional({ help: "this node's address; that of the default route if not given", value: 'IP' }),
    requireIp,
  ),
  'node-label': option.checked(
    option.strings({ help: 'labels to register the node with', value: 'KEY=VALUE' }),
    (texts) => texts.map(parseLabel),
  ),
  'node-taint': option.checked(
    option.strings({ help: 'taints to register the node with', value: 'KEY=VALUE:EFFECT' }),
    (texts) => texts.map(parseTaint),
  ),
  'docker-socket': option.string({ help: "Docker's socket", value: 'PATH', default: '/var/run/docker.sock' }),
  'kubelet-port': option.integer({
    help: "port of the node's own API",
    value: 'PORT',
    default: 10250,
    min: 0,
    max: 65535,
  }),
  'resolv-conf': option.string({
    help: 'where the upstream name servers stand',
    value: 'FILE',
    default: '/etc/resolv.conf',
  }),
  'run-dir': option.string({
    help: 'where network namespaces are kept until a reboot',
    value: 'DIR',
    default: '/run/skiff',
  }),
  'log-dir': option.string({
    help: 'where log collectors find pods and containers',
    value: 'DIR',
    default: '/var/log',
  }),
} satisfies OptionSpecs;

/** Options of `skiff agent`. */
export const agentOptions = {
  ...nodeOptions,
  server: option.checked(
    option.optional({ help: 'the server to join, e.g. https://10.0.0.1:6443', value: 'URL' }),
    requireServer,
  ),
  token: option.optional({ help: 'the secret to join with, printed by the server', value: 'SECRET' }),
  'token-file': option.optional({ help: 'file with the secret to join with', value: 'FILE' }),
  'data-dir': option.string({ help: 'where all state is kept', value: 'DIR', default: '/var/lib/skiff' }),
  'log-level': option.choice({
    help: 'how much to log',
    value: 'LEVEL',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
  }),
  docker: option.boolean({ help: 'use Docker, which is what skiff does anyway', hidden: true }),
} satisfies OptionSpecs;

export interface Taint {
  readonly key: string;
  readonly value: string | undefined;
  readonly effect: string;
}

export interface NodeConfig {
  readonly dataDir: string;
  readonly nodeName: string;
  readonly nodeIp: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  readonly dockerSocket: string;
  readonly kubeletPort: number;
  readonly resolvConf: string;
  readonly runDir: string;
  readonly logDir: string;
}

/** Checks what a single option cannot know by itself; adds to `problems` what is wrong. */
export function nodeConfig(
  values: OptionValues<typeof nodeOptions> & { 'data-dir': string },
  problems: string[],
): NodeConfig {
  const nodeName = values['node-name'] ?? hostname().toLowerCase();
  if (!NAME.test(nodeName)) {
    problems.push(`The host name "${nodeName}" cannot be the name of a node: choose one with --node-name`);
  }
  return {
    dataDir: values['data-dir'],
    nodeName,
    nodeIp: values['node-ip'],
    labels: Object.fromEntries(values['node-label'].map(parseLabel)),
    taints: values['node-taint'].map(parseTaint),
    dockerSocket: values['docker-socket'].replace(/^unix:\/\//, ''),
    kubeletPort: values['kubelet-port'],
    resolvConf: values['resolv-conf'],
    runDir: values['run-dir'],
    logDir: values['log-dir'],
  };
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/;

function requireName(name: string | undefined): void {
  if (!NAME.test(name ?? '')) {
    throw new Error('must be at most 63 lower case letters, digits, "-" and ".", with a letter or digit at both ends');
  }
}

function requireIp(address: string | undefined): void {
  if (isIP(address ?? '') === 0) throw new Error('must be an IP address');
}

function requireServer(server: string | undefined): void {
  if (!/^https:\/\/[^/\s]+$/.test(server ?? '')) {
    throw new Error('must be the address of a server such as https://10.0.0.1:6443');
  }
}

/** As upstream checks them: an optional domain before the key's name. */
const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

function parseLabel(text: string): [string, string] {
  const [, key = '', value = ''] = /^([^=]+)=([^=]*)$/.exec(text) ?? [];
  if (!LABEL_KEY.test(key) || !LABEL_VALUE.test(value)) {
    throw new Error('must be KEY=VALUE, of letters, digits, "-", "_" and "."');
  }
  return [key, value];
}

function parseTaint(text: string): Taint {
  const [, key = '', value, effect = ''] =
    /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? [];
  if (!LABEL_KEY.test(key) || !LABEL_VALUE.test(value ?? '')) {
    throw new Error('must be KEY=VALUE:EFFECT with effect NoSchedule, PreferNoSchedule or NoExecute');
  }
  return { key, value, effect };
}
