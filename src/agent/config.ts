import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { type OptionSpecs, type OptionValues, option } from '#base/options.ts';

/** Options of the agent role that make sense on a server's own node too. */
export const nodeOptions = {
  'node-name': option.optional({ help: 'name of this node; the host name if not given', value: 'NAME' }),
  'node-ip': option.optional({ help: "this node's address; that of the default route if not given", value: 'IP' }),
  'node-label': option.strings({ help: 'labels to register the node with', value: 'KEY=VALUE' }),
  'node-taint': option.strings({ help: 'taints to register the node with', value: 'KEY=VALUE:EFFECT' }),
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
  server: option.optional({ help: 'the server to join, e.g. https://10.0.0.1:6443', value: 'URL' }),
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
  const nodeName = (values['node-name'] ?? hostname()).toLowerCase();
  if (!/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(nodeName)) {
    problems.push(`--node-name: "${nodeName}" is no valid node name; use lower case letters, digits, "-" and "."`);
  }
  const nodeIp = values['node-ip'];
  if (nodeIp !== undefined && isIP(nodeIp) === 0) problems.push(`--node-ip: must be an IP address (got "${nodeIp}")`);
  return {
    dataDir: values['data-dir'],
    nodeName,
    nodeIp,
    labels: Object.fromEntries(values['node-label'].map((text) => parseLabel(text, problems))),
    taints: values['node-taint'].map((text) => parseTaint(text, problems)),
    dockerSocket: values['docker-socket'].replace(/^unix:\/\//, ''),
    kubeletPort: values['kubelet-port'],
    resolvConf: values['resolv-conf'],
    runDir: values['run-dir'],
    logDir: values['log-dir'],
  };
}

function parseLabel(text: string, problems: string[]): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) problems.push(`--node-label: must be KEY=VALUE (got "${text}")`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

function parseTaint(text: string, problems: string[]): Taint {
  const match = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text);
  if (match === null)
    problems.push(
      `--node-taint: must be KEY=VALUE:EFFECT with effect NoSchedule, PreferNoSchedule or NoExecute (got "${text}")`,
    );
  return { key: match?.[1] ?? '', value: match?.[2], effect: match?.[3] ?? '' };
}
