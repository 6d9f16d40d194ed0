import type { ContainerSpec, ImageInfo, Mount } from '#agent/runtime/container-runtime.ts';
import type { Container, Pod } from '#api/core/v1.ts';
import { containerLabels, engineName } from '../pod-names.ts';
import { type EnvContext, environment } from './env.ts';
import { expand } from './expand.ts';
import { containerResources } from './resources.ts';
import { containerSecurity } from './security.ts';

export interface ContainerSpecInput extends EnvContext {
  readonly container: Container;
  readonly attempt: number;
  readonly sandboxId: string;
  readonly image: Pick<ImageInfo, 'id' | 'user'>;
  /** Volumes and the files the agent manages. */
  readonly mounts: readonly Mount[];
  readonly seccompProfile: string | undefined;
  /** Capacity of the node, which out-of-memory scores are relative to. */
  readonly memoryBytes: number;
  readonly cgroupParent: string | undefined;
  readonly log: ContainerSpec['log'];
  /** Processes seen: those of the whole pod, of the node, or of a container named by an ephemeral one. */
  readonly pid: ContainerSpec['pid'];
}

/** What to ask of the engine for one container of a pod. Pure; throws PodError where the pod itself is at fault. */
export function containerSpec(input: ContainerSpecInput): ContainerSpec {
  const { pod, container, attempt, sandboxId, image, hostname, cgroupParent, log } = input;
  const variables = environment(container, input);
  const expanded = (words: readonly string[] = []) => words.map((word) => expand(word, variables));
  return {
    name: engineName(pod, container.name, attempt),
    sandboxId,
    hostname,
    image: container.image ?? image.id,
    labels: containerLabels(pod, container, { attempt, sandboxId }),
    ...(container.command?.length ? { command: expanded(container.command) } : {}),
    ...(container.args?.length ? { args: expanded(container.args) } : {}),
    ...(container.workingDir ? { workingDir: container.workingDir } : {}),
    env: [...variables].map(([name, value]) => `${name}=${value}`),
    mounts: input.mounts,
    resources: containerResources(pod, container, input),
    security: containerSecurity(pod, container, input),
    ...(container.stdin ? { stdin: true } : {}),
    ...(container.stdinOnce ? { stdinOnce: true } : {}),
    ...(container.tty ? { tty: true } : {}),
    pid: input.pid,
    ...(pod.spec.hostNetwork ? { hostNetwork: true } : {}),
    ...(pod.spec.hostIPC ? { hostIpc: true } : {}),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    ...(log === undefined ? {} : { log }),
  };
}

export function pidMode({ spec }: Pod): ContainerSpec['pid'] {
  if (spec.hostPID) return 'host';
  return spec.shareProcessNamespace ? 'sandbox' : 'container';
}
