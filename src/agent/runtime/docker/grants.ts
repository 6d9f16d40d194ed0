import type { ContainerCreateOptions, HostConfig } from 'dockerode';

/** A privilege that a host may lack itself and then cannot give to a container. */
export type Grant = 'privileged' | 'capabilities' | 'oomScoreAdj';

export interface Degraded {
  body: ContainerCreateOptions;
  /** Undefined where nobody asked for the privilege by name. */
  warning?: string;
}

interface GrantRule {
  grant: Grant;
  /** Whether Docker's refusal may be about this privilege. runc's words are vague, so each rule names all it has been seen to say. */
  isBlamed(message: string): boolean;
  /** The body without the privilege; undefined if it does not ask for it. */
  withdraw(body: ContainerCreateOptions, hostCapabilities: readonly string[]): Degraded | undefined;
}

/** Docker 20 does not know them and refuses a container that names one. */
const RECENT = new Set(['CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE']);
const NOT_PERMITTED = /operation not permitted|permission denied/;

/** Asked in order until the container starts. */
export const GRANTS: readonly GrantRule[] = [
  {
    grant: 'oomScoreAdj',
    isBlamed: (message) => /oom_score_adj|final child's PID/.test(message),
    withdraw(body) {
      const asked = body.HostConfig?.OomScoreAdj ?? 0;
      if (asked >= 0) return undefined;
      return { body: { ...body, HostConfig: { ...body.HostConfig, OomScoreAdj: 0 } } };
    },
  },
  {
    grant: 'privileged',
    isBlamed: (message) => NOT_PERMITTED.test(message),
    withdraw(body, hostCapabilities) {
      if (body.HostConfig?.Privileged !== true) return undefined;
      const HostConfig: HostConfig = {
        ...body.HostConfig,
        Privileged: false,
        CapAdd: everything(hostCapabilities),
        CapDrop: [],
        SecurityOpt: ['seccomp=unconfined', 'apparmor=unconfined'],
        MaskedPaths: [],
        ReadonlyPaths: [],
        DeviceCgroupRules: ['a *:* rwm'],
        Devices: [{ PathOnHost: '/dev', PathInContainer: '/dev', CgroupPermissions: 'rwm' }],
      };
      const warning =
        'This host does not allow privileged containers; the container got every capability and device the host has, and no seccomp or AppArmor profile';
      return { body: { ...body, HostConfig }, warning };
    },
  },
  {
    grant: 'capabilities',
    isBlamed: (message) => /apply caps|capabilit/.test(message) || NOT_PERMITTED.test(message),
    withdraw(body, hostCapabilities) {
      const asked: readonly string[] = body.HostConfig?.CapAdd ?? [];
      const has = new Set(hostCapabilities);
      const all = asked.some((name) => name.toUpperCase() === 'ALL');
      const missing = asked.filter((name) => name.toUpperCase() !== 'ALL' && !has.has(longName(name)));
      if (!all && missing.length === 0) return undefined;
      const CapAdd = all ? everything(hostCapabilities) : asked.filter((name) => has.has(longName(name)));
      const refused = all ? 'all capabilities' : `capabilities ${missing.join(', ')}`;
      const warning = `This host cannot grant ${refused}; the container runs without what is missing`;
      return { body: { ...body, HostConfig: { ...body.HostConfig, CapAdd } }, warning };
    },
  },
];

function everything(hostCapabilities: readonly string[]): string[] {
  return hostCapabilities.filter((name) => !RECENT.has(name));
}

function longName(capability: string): string {
  const upper = capability.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}

/** By bit number, as in linux/capability.h. */
const CAPABILITIES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...['LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER'],
  ...['SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE'],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP'],
  ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF'],
  'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`);

/** Names of the capabilities in the bounding set of a `/proc/PID/status`. */
export function boundingCapabilities(procStatus: string): string[] {
  const bits = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)/m.exec(procStatus)?.[1] ?? '0'}`);
  return CAPABILITIES.filter((_, bit) => ((bits >> BigInt(bit)) & 1n) === 1n);
}
