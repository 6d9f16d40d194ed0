import type { Container, EphemeralContainer, Pod, PodSpec, Toleration } from '#api/core/v1.ts';
import { deepClone, deepEqual } from '#api/meta/clone.ts';
import { goJson } from '#api/meta/go-text.ts';
import { type FieldError, forbiddenField, invalidValue } from '#api/meta/validation.ts';

const MUTABLE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** What an update changes that a pod, once there, cannot change any more. */
export function validatePodUpdate(pod: Pod, old: Pod): FieldError[] {
  const errors = [
    ...sameContainers(pod.spec.containers, old.spec.containers, 'spec.containers'),
    ...sameContainers(pod.spec.initContainers ?? [], old.spec.initContainers ?? [], 'spec.initContainers'),
  ];
  if (errors.length > 0) return errors;
  errors.push(
    ...validateDeadline(pod.spec, old.spec),
    ...onlyAdditions(pod.spec.tolerations, old.spec.tolerations),
    ...validateGateUpdate(pod, old),
  );
  const masked = withMutableOf(pod.spec, old.spec);
  if (isGated(old)) adoptGated(masked, old.spec);
  if (!deepEqual(masked, old.spec))
    errors.push(forbiddenField('spec', `${MUTABLE}\n${describeDifference(masked, old.spec)}`));
  return errors;
}

function sameContainers(containers: readonly Container[], old: readonly Container[], field: string): FieldError[] {
  if (containers.length !== old.length) return [forbiddenField(field, 'pod updates may not add or remove containers')];
  return containers.flatMap(({ image = '' }, index) => {
    if (image === '') return [{ type: 'Required' as const, field: `${field}[${index}].image`, detail: '' }];
    return image === image.trim()
      ? []
      : [invalidValue(`${field}[${index}].image`, image, 'must not have leading or trailing whitespace')];
  });
}

function validateDeadline(
  { activeDeadlineSeconds: now }: PodSpec,
  { activeDeadlineSeconds: before }: PodSpec,
): FieldError[] {
  const field = 'spec.activeDeadlineSeconds';
  if (before === undefined) return [];
  if (now === undefined) return [invalidValue(field, null, 'must not update from a positive integer to nil value')];
  return now > before ? [invalidValue(field, now, 'must be less than or equal to previous value')] : [];
}

function onlyAdditions(tolerations: readonly Toleration[] = [], old: readonly Toleration[] = []): FieldError[] {
  const withoutTime = ({ tolerationSeconds: _, ...rest }: Toleration) => rest;
  const kept = old.every((before) => tolerations.some((now) => deepEqual(withoutTime(now), withoutTime(before))));
  return kept
    ? []
    : [forbiddenField('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

function validateGateUpdate(pod: Pod, old: Pod): FieldError[] {
  const before = new Set((old.spec.schedulingGates ?? []).map(({ name }) => name));
  return (pod.spec.schedulingGates ?? [])
    .filter(({ name }) => !before.has(name))
    .map(({ name }) =>
      forbiddenField('spec.schedulingGates', `only deletion is allowed, but found new scheduling gate '${name}'`),
    );
}

function isGated({ spec }: Pod): boolean {
  return (spec.schedulingGates ?? []).length > 0;
}

/** The new spec with everything a client may change set back: what still differs may not. */
function withMutableOf(spec: PodSpec, old: PodSpec): PodSpec {
  const masked = deepClone(spec);
  const images = (containers: Container[] | undefined, before: readonly Container[] | undefined) =>
    containers?.forEach((container, index) => {
      const image = before?.[index]?.image;
      if (image !== undefined) container.image = image;
    });
  images(masked.containers, old.containers);
  images(masked.initContainers, old.initContainers);
  masked.activeDeadlineSeconds = old.activeDeadlineSeconds;
  masked.tolerations = deepClone(old.tolerations);
  masked.schedulingGates = deepClone(old.schedulingGates);
  const { terminationGracePeriodSeconds: grace } = old;
  if (grace !== undefined && grace < 0 && masked.terminationGracePeriodSeconds === 1)
    masked.terminationGracePeriodSeconds = grace;
  return masked;
}

/** While a pod waits at its gates, where it may run can still be narrowed. */
function adoptGated(masked: PodSpec, old: PodSpec): void {
  const before = old.nodeSelector ?? {};
  const keeps = Object.entries(before).every(([key, value]) => masked.nodeSelector?.[key] === value);
  if (keeps) masked.nodeSelector = deepClone(old.nodeSelector);
  const terms = (spec: PodSpec) =>
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms(old) === undefined && terms(masked) !== undefined) masked.affinity = deepClone(old.affinity);
}

/** The first fields that differ, one per line: `-` as it is, `+` as it was asked for. */
export function describeDifference(now: unknown, before: unknown): string {
  const lines: string[] = [];
  collectDifference(now, before, { path: '', lines });
  return lines.slice(0, 10).join('\n');
}

function collectDifference(now: unknown, before: unknown, { path, lines }: { path: string; lines: string[] }): void {
  if (deepEqual(now, before)) return;
  if (isRecord(now) && isRecord(before)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
      const at = Array.isArray(now) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
      collectDifference(now[key], before[key], { path: at, lines });
    }
    return;
  }
  if (before !== undefined) lines.push(`- ${path}: ${goJson(before)}`);
  if (now !== undefined) lines.push(`+ ${path}: ${goJson(now)}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Ephemeral containers come and stay as they are. */
export function validateEphemeralUpdate(pod: Pod, old: Pod): FieldError[] {
  const field = 'spec.ephemeralContainers';
  const byName = new Map((pod.spec.ephemeralContainers ?? []).map((container) => [container.name, container]));
  return (old.spec.ephemeralContainers ?? []).flatMap((before: EphemeralContainer, index) => {
    const now = byName.get(before.name);
    if (now === undefined) return [forbiddenField(field, 'existing ephemeral containers may not be removed\n')];
    return deepEqual(now, before)
      ? []
      : [forbiddenField(field, `existing ephemeral containers may not be changed (index ${index})\n`)];
  });
}

/** A resize changes cpu and memory of containers, and how they take it; nothing else. */
export function validateResize(pod: Pod, old: Pod): FieldError[] {
  const masked = deepClone(pod.spec);
  const restore = (containers: Container[] | undefined, before: readonly Container[] | undefined) =>
    containers?.forEach((container, index) => {
      const was = before?.[index];
      if (was === undefined) return;
      container.resources = deepClone(was.resources);
      container.resizePolicy = deepClone(was.resizePolicy);
    });
  restore(masked.containers, old.spec.containers);
  restore(masked.initContainers, old.spec.initContainers);
  if (deepEqual(masked, old.spec)) return [];
  return [forbiddenField('spec', 'only cpu and memory resources are mutable')];
}
