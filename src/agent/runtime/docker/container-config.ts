import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import type { ContainerResources, ContainerSecurity, ContainerSpec, Mount, SandboxSpec } from '../container-runtime.ts';

export const PAUSE_IMAGE = 'skiff/pause:1';
/** Where the pause container of a `path` sandbox finds the network namespace it shall enter. */
const NETWORK_NAMESPACE = '/netns';
/** As upstream: the pause container is the last to be killed. */
const SANDBOX_OOM_SCORE_ADJ = -998;
const DEFAULT_LOG = { maxSizeBytes: 10 * 1024 * 1024, maxFiles: 5 };

/** The body of Docker's create call for a sandbox. */
export function sandboxConfig(spec: SandboxSpec, labels: Record<string, string>): ContainerCreateOptions {
  const { network } = spec;
  return {
    Image: PAUSE_IMAGE,
    // Containers which join this one's network get its host name, in the node's network too: they have an own UTS namespace.
    ...(network.mode !== 'host' && { Hostname: spec.hostname }),
    Labels: labels,
    ...(network.mode === 'path' && { Cmd: [NETWORK_NAMESPACE] }),
    HostConfig: {
      NetworkMode: network.mode === 'pod' ? 'none' : 'host',
      // A container joins a sandbox's IPC namespace only if that is shareable.
      IpcMode: spec.hostIpc ? 'host' : 'shareable',
      ...(spec.hostPid && { PidMode: 'host' }),
      ...(spec.sysctls && { Sysctls: spec.sysctls }),
      ...(spec.cgroupParent !== undefined && { CgroupParent: spec.cgroupParent }),
      ...(spec.shmSizeBytes !== undefined && !spec.hostIpc && { ShmSize: spec.shmSizeBytes }),
      LogConfig: { Type: 'none', Config: {} },
      OomScoreAdj: SANDBOX_OOM_SCORE_ADJ,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      ReadonlyRootfs: true,
      // It needs both to enter the namespace and gives both up at once.
      ...(network.mode === 'path' && {
        CapAdd: ['SYS_ADMIN', 'SETPCAP'],
        Mounts: [bindMount({ source: network.path, target: NETWORK_NAMESPACE, readOnly: true })],
      }),
    },
  };
}

/** The body of Docker's create call for a container in a sandbox. */
export function containerConfig(spec: ContainerSpec, labels: Record<string, string>): ContainerCreateOptions {
  const { command = [], args = [], log = DEFAULT_LOG, security } = spec;
  return {
    Image: spec.image,
    Labels: labels,
    ...(command.length > 0 && { Entrypoint: [...command] }),
    ...(args.length > 0 && { Cmd: [...args] }),
    ...(spec.workingDir && { WorkingDir: spec.workingDir }),
    ...(security.user !== undefined && { User: security.user }),
    Env: [...spec.env],
    OpenStdin: spec.stdin ?? false,
    StdinOnce: spec.stdinOnce ?? false,
    Tty: spec.tty ?? false,
    // Probes are the agent's: what the image says about health is ignored, as upstream does.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: `container:${spec.sandboxId}`,
      IpcMode: spec.hostIpc ? 'host' : `container:${spec.sandboxId}`,
      ...(spec.pid !== 'container' && { PidMode: spec.pid === 'host' ? 'host' : `container:${spec.sandboxId}` }),
      ...(spec.hostNetwork && { UTSMode: 'host' }),
      ...(spec.cgroupParent !== undefined && { CgroupParent: spec.cgroupParent }),
      Mounts: spec.mounts.map(bindMount),
      LogConfig: {
        Type: 'json-file',
        Config: { 'max-size': String(log.maxSizeBytes), 'max-file': String(Math.max(1, log.maxFiles)) },
      },
      ...resourceConfig(spec.resources),
      ...(spec.resources.oomScoreAdj !== undefined && { OomScoreAdj: spec.resources.oomScoreAdj }),
      ...securityConfig(security),
    },
  };
}

/** Docker's words for limits; swap is never granted beyond memory. */
export function resourceConfig(resources: ContainerResources): HostConfig {
  const { cpuShares, cpuQuotaUs, cpuPeriodUs, memoryBytes, pidsLimit } = resources;
  return {
    ...(cpuShares !== undefined && { CpuShares: cpuShares }),
    ...(cpuQuotaUs !== undefined && { CpuQuota: cpuQuotaUs }),
    ...(cpuPeriodUs !== undefined && { CpuPeriod: cpuPeriodUs }),
    ...(memoryBytes !== undefined && { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(pidsLimit !== undefined && { PidsLimit: pidsLimit }),
  };
}

function securityConfig(security: ContainerSecurity): HostConfig {
  const options = [
    ...(security.noNewPrivileges ? ['no-new-privileges'] : []),
    ...(security.seccomp !== undefined ? [`seccomp=${security.seccomp}`] : []),
    ...(security.apparmor !== undefined ? [`apparmor=${security.apparmor}`] : []),
  ];
  return {
    ...(security.privileged && { Privileged: true }),
    ...(security.supplementalGroups && { GroupAdd: security.supplementalGroups.map(String) }),
    ...(security.addCapabilities && { CapAdd: [...security.addCapabilities] }),
    ...(security.dropCapabilities && { CapDrop: [...security.dropCapabilities] }),
    ...(security.readOnlyRoot && { ReadonlyRootfs: true }),
    ...(security.unmaskedProc && { MaskedPaths: [], ReadonlyPaths: [] }),
    ...(options.length > 0 && { SecurityOpt: options }),
  };
}

function bindMount({ source, target, readOnly = false, propagation = 'private' }: Mount) {
  return {
    Type: 'bind' as const,
    Source: source,
    Target: target,
    ReadOnly: readOnly,
    BindOptions: { Propagation: propagation === 'private' ? ('rprivate' as const) : propagation },
  };
}
