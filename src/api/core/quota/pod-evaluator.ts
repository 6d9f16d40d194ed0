import { type Quantity, quantityOf } from '../../meta/quantity.ts';
import { labelSelectorOf } from '../../meta/selectors.ts';
import { parseTime } from '../../meta/time.ts';
import type { ApiObject } from '../../meta/types.ts';
import { isPodTerminal } from '../pod.ts';
import { qosClass } from '../pod-resources.ts';
import type { Container, Pod, ScopedResourceSelectorRequirement } from '../v1.ts';
import { type Amounts, podQuantities } from './pod-quantities.ts';
import type { QuotaEvaluator } from './quota-evaluator.ts';

const BASIC: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);
const COUNTED: ReadonlySet<string> = new Set([
  'pods',
  'count/pods',
  ...[...BASIC].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);
/** Names a quota on which demands that every container speaks of them. */
const DEMANDED: ReadonlySet<string> = new Set(
  ['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
);
const REQUESTS = 'requests.';
const HUGE_PAGES = 'hugepages-';

/** Pods count as objects as long as they exist, and with what they ask for until they have ended. */
export const podEvaluator: QuotaEvaluator = {
  counts: (name) =>
    COUNTED.has(name) ||
    name.startsWith(HUGE_PAGES) ||
    (name.startsWith(REQUESTS) && isSpecialResource(name.slice(REQUESTS.length))),
  usage: (object, nowMs) => podUsage(object as Pod, nowMs),
  isInScope: (object, scope) => isInScope(object as Pod, scope),
  missing,
};

function isSpecialResource(name: string): boolean {
  return name.startsWith(HUGE_PAGES) || isExtendedResource(name);
}

function isExtendedResource(name: string): boolean {
  return name.includes('/') && !name.includes('kubernetes.io/');
}

function podUsage(pod: Pod, nowMs: number): Amounts {
  const one = quantityOf(1);
  if (isPodTerminal(pod) || isOverdue(pod, nowMs)) return new Map([['count/pods', one]]);
  const usage = computeUsage(podQuantities(pod, 'requests'), podQuantities(pod, 'limits'));
  return new Map([...usage, ['count/pods', one], ['pods', one]]);
}

/** A pod that should be gone by now, on a node that does not answer, must not block others. */
function isOverdue({ metadata }: Pod, nowMs: number): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return false;
  // The timestamp has the grace period in it; as much again is what upstream waits.
  return nowMs > (parseTime(deletionTimestamp) ?? nowMs) + deletionGracePeriodSeconds * 1000;
}

function computeUsage(requests: Amounts, limits: Amounts): Map<string, Quantity> {
  const usage = new Map<string, Quantity>();
  for (const [name, amount] of requests) {
    if (BASIC.has(name) || name.startsWith(HUGE_PAGES)) usage.set(name, amount);
    if (BASIC.has(name) || isSpecialResource(name)) usage.set(REQUESTS + name, amount);
  }
  for (const [name, amount] of limits) if (BASIC.has(name)) usage.set(`limits.${name}`, amount);
  return usage;
}

function missing(object: ApiObject, resourceNames: readonly string[]): string | undefined {
  const { spec } = object as Pod;
  const demanded = resourceNames.filter((name) => DEMANDED.has(name)).sort();
  if (demanded.length === 0) return undefined;
  const ofPod = saidNames(spec);
  const containers = [...spec.containers, ...(spec.initContainers ?? [])].map((container) => ({
    name: container.name,
    said: saidNames(container),
  }));
  const lines = demanded.flatMap((name) => {
    const silent = ofPod.has(name) ? [] : containers.filter(({ said }) => !said.has(name));
    if (silent.length === 0) return [];
    return [`${name} for: ${[...new Set(silent.map((container) => container.name))].sort().join(',')}`];
  });
  return lines.length === 0 ? undefined : `must specify ${lines.join('; ')}`;
}

function saidNames({ resources }: Pick<Container, 'resources'>): ReadonlySet<string> {
  const requests = Object.keys(resources?.requests ?? {}).flatMap((name) => [name, REQUESTS + name]);
  return new Set([...requests, ...Object.keys(resources?.limits ?? {}).map((name) => `limits.${name}`)]);
}

function isInScope(pod: Pod, scope: ScopedResourceSelectorRequirement): boolean {
  const { activeDeadlineSeconds } = pod.spec;
  switch (scope.scopeName) {
    case 'Terminating':
      return activeDeadlineSeconds !== undefined;
    case 'NotTerminating':
      return activeDeadlineSeconds === undefined;
    case 'BestEffort':
      return qosClass(pod) === 'BestEffort';
    case 'NotBestEffort':
      return qosClass(pod) !== 'BestEffort';
    case 'PriorityClass':
      return hasPriorityClass(pod, scope);
    case 'CrossNamespacePodAffinity':
      return looksAcrossNamespaces(pod);
    default:
      return false;
  }
}

function hasPriorityClass({ spec }: Pod, { scopeName, operator, values }: ScopedResourceSelectorRequirement): boolean {
  const { priorityClassName = '' } = spec;
  const selector = labelSelectorOf({ matchExpressions: [{ key: scopeName, operator, values: values ?? [] }] });
  return selector.matches(priorityClassName === '' ? {} : { [scopeName]: priorityClassName });
}

function looksAcrossNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return [podAffinity, podAntiAffinity].some((affinity) => {
    const required = affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const terms = [...required, ...preferred.map(({ podAffinityTerm }) => podAffinityTerm)];
    return terms.some(
      ({ namespaces, namespaceSelector }) => (namespaces ?? []).length > 0 || namespaceSelector !== undefined,
    );
  });
}
