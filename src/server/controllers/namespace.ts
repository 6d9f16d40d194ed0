import { type Namespace, type NamespaceCondition, namespaces, pods } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { isMethodNotAllowed, isNotFound } from '#api/meta/errors.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { formatTime } from '#api/meta/time.ts';
import type { ObjectList } from '#api/meta/types.ts';
import type { Controller, ControllerDeps, ReconcileContext } from './controller.ts';

const FINALIZER = 'kubernetes';

/** Empties namespaces that are being deleted, pods first, and lets go of them when nothing is left. */
export function namespaceController(deps: ControllerDeps): Controller {
  const { cache, client } = deps;
  return {
    name: 'namespace-controller',
    primary: namespaces,
    async reconcile(key, context) {
      const namespace = cache.get(namespaces, key);
      if (namespace?.metadata.deletionTimestamp === undefined) return;
      if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return;
      const rest = await empty(deps, key.name, context);
      if (rest.left.size > 0 || rest.failure !== undefined) {
        await report(deps, cache.get(namespaces, key) ?? namespace, rest, context.signal);
        if (rest.failure !== undefined) throw rest.failure;
        return { requeueAfterMs: waitFor(rest.left) };
      }
      const latest = cache.get(namespaces, key);
      if (latest === undefined) return;
      const finalizers = (latest.spec?.finalizers ?? []).filter((name) => name !== FINALIZER);
      await client.updateSubresource(
        namespaces,
        key,
        'finalize',
        { ...latest, spec: { ...latest.spec, finalizers } },
        { signal: context.signal },
      );
      context.log.info('namespace removed');
    },
  };
}

/** What a round of deleting could not remove. */
export interface Rest {
  readonly left: ReadonlyMap<ResourceRef, Left>;
  /** The first kind that could not be deleted; the others were. */
  readonly failure: Error | undefined;
}

/** Deletes what is there and tells what is still left, by resource. Pods go first, as their data may need the rest. */
async function empty(
  { client, catalogue }: ControllerDeps,
  namespace: string,
  { signal }: ReconcileContext,
): Promise<Rest> {
  const podsLeft = await emptyOf(pods, namespace);
  if (podsLeft.count > 0) return { left: new Map([[pods as ResourceRef, podsLeft]]), failure: undefined };
  const deletable = catalogue
    .list()
    .filter(({ ref, verbs }) => ref.namespaced && verbs.includes('delete') && verbs.includes('list'));
  const left = new Map<ResourceRef, Left>();
  const results = await Promise.allSettled(
    deletable.map(async ({ ref }) => {
      const rest = await emptyOf(ref, namespace);
      if (rest.count > 0) left.set(ref, rest);
    }),
  );
  const failed = results.find((result) => result.status === 'rejected');
  return { left, failure: failed?.reason as Error | undefined };

  async function emptyOf(ref: ResourceRef, name: string): Promise<Left> {
    const before = await list(ref, name);
    if (before.items.length === 0) return NOTHING;
    try {
      await client.deleteCollection(ref, { namespace: name, propagationPolicy: 'Background', signal });
    } catch (error) {
      if (!isMethodNotAllowed(error) && !isNotFound(error)) throw error;
    }
    return leftOf(await list(ref, name));
  }

  async function list(ref: ResourceRef, name: string): Promise<ObjectList> {
    try {
      return await client.list(ref, { namespace: name, signal });
    } catch (error) {
      // The kind has just gone, or cannot be listed: then there is nothing to wait for.
      if (isNotFound(error) || isMethodNotAllowed(error)) return { metadata: {}, items: [] };
      throw error;
    }
  }
}

interface Left {
  readonly count: number;
  /** How many of them each finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>;
}

const NOTHING: Left = { count: 0, finalizers: new Map() };

function leftOf({ items }: ObjectList): Left {
  const finalizers = new Map<string, number>();
  for (const { metadata } of items)
    for (const name of metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  return { count: items.length, finalizers };
}

/** Pods end by themselves within their grace period; finalizers wait for somebody else. */
function waitFor(left: ReadonlyMap<ResourceRef, Left>): number {
  return [...left.values()].some(({ finalizers }) => finalizers.size > 0) ? 2000 : 500;
}

/** Shows in the namespace's status what keeps it. */
async function report({ client, now }: ControllerDeps, namespace: Namespace, rest: Rest, signal: AbortSignal) {
  const known = namespace.status?.conditions ?? [];
  const wanted = planConditions(rest);
  const same = wanted.every((condition) =>
    known.some(({ type, message, status }) => deepEqual([type, message, status], brief(condition))),
  );
  if (same) return;
  const time = formatTime(new Date(now()));
  const conditions = wanted.map((condition) => {
    const before = known.find(({ type, status }) => type === condition.type && status === condition.status);
    return { ...condition, lastTransitionTime: before?.lastTransitionTime ?? time };
  });
  const others = known.filter(({ type }) => !wanted.some((condition) => condition.type === type));
  const status = { ...namespace.status, conditions: [...others, ...conditions] };
  await client.updateStatus(namespaces, { ...namespace, status }, { signal });
}

const brief = ({ type, message, status }: NamespaceCondition) => [type, message, status];

/** All conditions of a namespace on its way out, in upstream's words. Pure. */
export function planConditions({ left, failure }: Rest): NamespaceCondition[] {
  const instances = (count: number) => `${count} resource instances`;
  const kinds = [...left].map(([{ plural, group }, { count }]) => `${plural}.${group} has ${instances(count)}`).sort();
  const finalizers = new Map<string, number>();
  for (const { finalizers: names } of left.values())
    for (const [name, count] of names) finalizers.set(name, (finalizers.get(name) ?? 0) + count);
  const holding = [...finalizers].map(([name, count]) => `${name} in ${instances(count)}`).sort();
  const is = (type: string, bad: boolean, [reason, message]: readonly [string, string]) => ({
    type,
    status: bad ? 'True' : 'False',
    reason,
    message,
  });
  return [
    is('NamespaceDeletionDiscoveryFailure', false, ['ResourcesDiscovered', 'All resources successfully discovered']),
    is('NamespaceDeletionGroupVersionParsingFailure', false, [
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ]),
    failure === undefined
      ? is('NamespaceDeletionContentFailure', false, [
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ])
      : is('NamespaceDeletionContentFailure', true, ['ContentDeletionFailed', failure.message]),
    kinds.length === 0
      ? is('NamespaceContentRemaining', false, ['ContentRemoved', 'All content successfully removed'])
      : is('NamespaceContentRemaining', true, [
          'SomeResourcesRemain',
          `Some resources are remaining: ${kinds.join(', ')}`,
        ]),
    holding.length === 0
      ? is('NamespaceFinalizersRemaining', false, [
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ])
      : is('NamespaceFinalizersRemaining', true, [
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${holding.join(', ')}`,
        ]),
  ];
}
