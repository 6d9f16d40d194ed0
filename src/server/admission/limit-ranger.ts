import type { AdmissionRequest } from '#api/admission/request.ts';
import { parseAmounts, podQuantities } from '#api/core/quota/pod-quantities.ts';
import {
  type Container,
  type LimitRangeItem,
  limitRanges,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
} from '#api/core/v1.ts';
import { brokenLimits } from './limits.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';
import { refusal } from './refusal.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

/** Fills in what containers ask for where they do not say, and refuses what lies outside a namespace's limits. */
export function limitRanger({ cache }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'LimitRanger',
    handles: (request) => {
      const { operation } = request;
      if (operation === 'CREATE') return concerns(request, pods) || concerns(request, persistentVolumeClaims);
      if (operation !== 'UPDATE') return false;
      return concerns(request, pods, 'resize') || concerns(request, persistentVolumeClaims);
    },
    mutate(request) {
      if (request.operation === 'CREATE' && concerns(request, pods)) fillIn(request.object as Pod, itemsFor(request));
    },
    validate(request) {
      if (request.oldObject?.metadata.deletionTimestamp !== undefined) return;
      const items = itemsFor(request);
      if (items.length === 0) return;
      const problems =
        request.resource.plural === pods.plural
          ? podProblems(request.object as Pod, items)
          : claimProblems(request.object as PersistentVolumeClaim, items);
      const unique = [...new Set(problems)];
      if (unique.length === 0) return;
      throw refusal(request, unique.length === 1 ? unique.join() : `[${unique.join(', ')}]`);
    },
  };

  function itemsFor({ namespace }: AdmissionRequest): readonly LimitRangeItem[] {
    return cache.list(limitRanges, { namespace }).flatMap(({ spec }) => spec?.limits ?? []);
  }
}

function fillIn(pod: Pod, items: readonly LimitRangeItem[]): void {
  const notes: string[] = [];
  for (const item of items) {
    if (item.type !== 'Container') continue;
    for (const container of pod.spec.containers) notes.push(...fillContainer(container, item, 'container'));
    for (const container of pod.spec.initContainers ?? []) {
      notes.push(...fillContainer(container, item, 'init container'));
    }
  }
  if (notes.length === 0) return;
  const note = `LimitRanger plugin set: ${notes.join('; ')}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: note };
}

/** What was set, for people to read. */
function fillContainer(container: Container, item: LimitRangeItem, sort: string): string[] {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const added = (own: object, defaults: object = {}) =>
    Object.keys(defaults)
      .filter((name) => !Object.hasOwn(own, name))
      .sort();
  const setRequests = added(requests, item.defaultRequest);
  const setLimits = added(limits, item.default);
  const notes: string[] = [];
  if (setRequests.length > 0) {
    container.resources = { ...container.resources, requests: { ...item.defaultRequest, ...requests } };
    notes.push(`${setRequests.join(', ')} request for ${sort} ${container.name}`);
  }
  if (setLimits.length > 0) {
    container.resources = { ...container.resources, limits: { ...item.default, ...limits } };
    notes.push(`${setLimits.join(', ')} limit for ${sort} ${container.name}`);
  }
  return notes;
}

function podProblems(pod: Pod, items: readonly LimitRangeItem[]): string[] {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return items.flatMap((item) => {
    if (item.type === 'Pod') {
      return brokenLimits(item, {
        requests: podQuantities(pod, 'requests'),
        limits: podQuantities(pod, 'limits'),
      });
    }
    if (item.type !== 'Container') return [];
    return containers.flatMap(({ resources }) =>
      brokenLimits(item, { requests: parseAmounts(resources?.requests), limits: parseAmounts(resources?.limits) }),
    );
  });
}

function claimProblems({ spec }: PersistentVolumeClaim, items: readonly LimitRangeItem[]): string[] {
  const requests = parseAmounts(spec?.resources?.requests);
  return items.flatMap((item) =>
    item.type === 'PersistentVolumeClaim' ? brokenLimits(item, { requests, limits: undefined }) : [],
  );
}
