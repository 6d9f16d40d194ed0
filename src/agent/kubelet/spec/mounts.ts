import type { HostPort } from '#agent/network/pod-network.ts';
import type { Mount } from '#agent/runtime/container-runtime.ts';
import type { Container, Pod, VolumeMount } from '#api/core/v1.ts';
import { PodError, type PreparedVolume } from '../pod-hook.ts';
import { expand } from './expand.ts';

/** One mount of a container before its sub path is turned into a host path. */
export interface PlannedMount {
  readonly mount: Mount;
  /** Relative to the mount's source, which is the volume; undefined mounts the whole volume. */
  readonly subPath: string | undefined;
}

const PROPAGATION: Readonly<Record<string, Mount['propagation']>> = {
  None: 'private',
  HostToContainer: 'rslave',
  Bidirectional: 'rshared',
};

/** The container's volume mounts, with `subPathExpr` expanded. Throws PodError for a volume or sub path that cannot be. */
export function planMounts(
  container: Container,
  { volumes, variables }: { volumes: ReadonlyMap<string, PreparedVolume>; variables: ReadonlyMap<string, string> },
): PlannedMount[] {
  return (container.volumeMounts ?? []).map((volumeMount) => {
    const { name, mountPath, mountPropagation, readOnly } = volumeMount;
    const volume = volumes.get(name);
    if (volume === undefined)
      throw new PodError(
        'CreateContainerConfigError',
        `cannot find volume "${name}" to mount into container "${container.name}"`,
      );
    const isReadOnly = readOnly === true || volume.readOnly === true;
    const propagation = PROPAGATION[mountPropagation ?? 'None'];
    return {
      mount: {
        source: volume.hostPath,
        target: mountPath.startsWith('/') ? mountPath : `/${mountPath}`,
        ...(isReadOnly ? { readOnly: true } : {}),
        ...(propagation === undefined || propagation === 'private' ? {} : { propagation }),
      },
      subPath: subPathOf(volumeMount, variables),
    };
  });
}

function subPathOf({ subPath, subPathExpr }: VolumeMount, variables: ReadonlyMap<string, string>): string | undefined {
  const path = subPathExpr === undefined || subPathExpr === '' ? subPath : expanded(subPathExpr, variables);
  if (path === undefined || path === '') return undefined;
  if (path.startsWith('/'))
    throw new PodError('CreateContainerConfigError', `error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..')) {
    throw new PodError('CreateContainerConfigError', `unable to provision SubPath \`${path}\`: must not contain '..'`);
  }
  return path;
}

function expanded(expression: string, variables: ReadonlyMap<string, string>): string {
  const path = expand(expression, variables);
  const missing = /\$\(([^)]*)\)/.exec(expression.replaceAll('$$', ''));
  if (missing !== null && !variables.has(missing[1] ?? '')) {
    throw new PodError('CreateContainerConfigError', `missing value for "${missing[1]}"`);
  }
  return path;
}

/** Whether the agent puts its own file at this path: not where the container mounts something there itself. */
export function managesPath(container: Container, path: string): boolean {
  return !(container.volumeMounts ?? []).some(({ mountPath }) => mountPath.replace(/\/+$/, '') === path);
}

/** Ports of the pod that shall also be reachable on the node. */
export function hostPortsOf({ spec }: Pod): HostPort[] {
  return [
    ...(spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
    ...spec.containers,
  ].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, containerPort, protocol }) => {
      if (hostPort === undefined || hostPort === 0) return [];
      const kind: HostPort['protocol'] = protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP';
      return [
        {
          hostPort,
          containerPort,
          protocol: kind,
          ...(hostIP === undefined || hostIP === '' ? {} : { hostIp: hostIP }),
        },
      ];
    }),
  );
}
