import { createHash } from 'node:crypto';
import type { Container, Pod } from '#api/core/v1.ts';

/**
 * Labels of the engine's containers. Those of application containers are the ones log collectors know since dockershim; the
 * sandbox bears others, so that a filter on the pod's name finds application containers only.
 */
export const LABEL = {
  podName: 'io.kubernetes.pod.name',
  podNamespace: 'io.kubernetes.pod.namespace',
  podUid: 'io.kubernetes.pod.uid',
  container: 'io.kubernetes.container.name',
  sandboxId: 'io.kubernetes.sandbox.id',
  hash: 'annotation.io.kubernetes.container.hash',
  attempt: 'annotation.io.kubernetes.container.restartCount',
  messagePath: 'annotation.io.kubernetes.container.terminationMessagePath',
  messagePolicy: 'annotation.io.kubernetes.container.terminationMessagePolicy',
  graceSeconds: 'annotation.io.kubernetes.pod.terminationGracePeriod',
  sandboxPodName: 'io.kubernetes.sandbox.pod.name',
  sandboxPodNamespace: 'io.kubernetes.sandbox.pod.namespace',
  sandboxPodUid: 'io.kubernetes.sandbox.pod.uid',
  sandboxAttempt: 'io.kubernetes.sandbox.attempt',
} as const;

export type Labels = Readonly<Record<string, string>>;

/** What the labels of one of our containers say. */
export type Identity =
  | { readonly kind: 'sandbox'; readonly pod: PodIdentity; readonly attempt: number }
  | { readonly kind: 'container'; readonly pod: PodIdentity; readonly container: string; readonly attempt: number };

export interface PodIdentity {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
}

export function podIdentity(pod: Pod): PodIdentity {
  const { uid = '', name, namespace = 'default' } = pod.metadata;
  return { uid, name, namespace };
}

/** Undefined for containers that are not ours. */
export function identityOf(labels: Labels): Identity | undefined {
  const sandboxUid = labels[LABEL.sandboxPodUid];
  if (sandboxUid !== undefined) {
    const name = labels[LABEL.sandboxPodName] ?? '';
    const namespace = labels[LABEL.sandboxPodNamespace] ?? '';
    return { kind: 'sandbox', pod: { uid: sandboxUid, name, namespace }, attempt: count(labels[LABEL.sandboxAttempt]) };
  }
  const uid = labels[LABEL.podUid];
  const container = labels[LABEL.container];
  if (uid === undefined || container === undefined) return undefined;
  const name = labels[LABEL.podName] ?? '';
  const namespace = labels[LABEL.podNamespace] ?? '';
  return { kind: 'container', pod: { uid, name, namespace }, container, attempt: count(labels[LABEL.attempt]) };
}

const count = (text: string | undefined) => Number.parseInt(text ?? '0', 10) || 0;

export function sandboxLabels(pod: Pod, attempt: number): Record<string, string> {
  const { uid, name, namespace } = podIdentity(pod);
  return {
    [LABEL.sandboxPodName]: name,
    [LABEL.sandboxPodNamespace]: namespace,
    [LABEL.sandboxPodUid]: uid,
    [LABEL.sandboxAttempt]: String(attempt),
    'io.kubernetes.docker.type': 'podsandbox',
  };
}

export function containerLabels(
  pod: Pod,
  container: Container,
  { attempt, sandboxId }: { attempt: number; sandboxId: string },
): Record<string, string> {
  const { uid, name, namespace } = podIdentity(pod);
  return {
    [LABEL.podName]: name,
    [LABEL.podNamespace]: namespace,
    [LABEL.podUid]: uid,
    [LABEL.container]: container.name,
    [LABEL.sandboxId]: sandboxId,
    [LABEL.hash]: containerHash(container),
    [LABEL.attempt]: String(attempt),
    [LABEL.messagePath]: container.terminationMessagePath ?? '/dev/termination-log',
    [LABEL.messagePolicy]: container.terminationMessagePolicy ?? 'File',
    [LABEL.graceSeconds]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
    'io.kubernetes.docker.type': 'container',
  };
}

/** `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`; the sandbox is the container `POD`. */
export function engineName(pod: Pod, container: string, attempt: number): string {
  const { uid, name, namespace } = podIdentity(pod);
  return `k8s_${container}_${name}_${namespace}_${uid}_${attempt}`;
}

/**
 * Changes exactly when a running container must be replaced: the API lets nothing but the image change, and a new version of
 * the agent must never restart containers because it fills in another default.
 */
export function containerHash({ name, image = '' }: Container): string {
  return createHash('sha256').update(`${name}\n${image}`).digest('hex').slice(0, 12);
}
