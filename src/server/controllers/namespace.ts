import { type Namespace, namespaces, pods } from '#api/core/v1.ts';
import { isMethodNotAllowed, isNotFound } from '#api/meta/errors.ts';
import { groupResource, type ResourceRef } from '#api/meta/resource-ref.ts';
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
      const left = await empty(deps, key.name, context);
      if (left.size > 0) {
        await reportRemaining(deps, namespace, left, context.signal);
        return { requeueAfterMs: waitFor(left) };
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

/** Deletes what is there and tells what is still left, by resource. Pods go first, as their data may need the rest. */
async function empty(
  { client, catalogue }: ControllerDeps,
  namespace: string,
  { signal }: ReconcileContext,
): Promise<Map<ResourceRef, Left>> {
  const podsLeft = await emptyOf(pods, namespace);
  if (podsLeft.count > 0) return new Map([[pods as ResourceRef, podsLeft]]);
  const deletable = catalogue
    .list()
    .filter(({ ref, verbs }) => ref.namespaced && verbs.includes('delete') && verbs.includes('list'));
  const left = new Map<ResourceRef, Left>();
  await Promise.all(
    deletable.map(async ({ ref }) => {
      const rest = await emptyOf(ref, namespace);
      if (rest.count > 0) left.set(ref, rest);
    }),
  );
  return left;

  async function emptyOf(ref: ResourceRef, name: string): Promise<Left> {
    const before = await list(ref, name);
    if (before.items.length === 0) return { count: 0, finalizers: [] };
    try {
      await client.deleteCollection(ref, { namespace: name, propagationPolicy: 'Background', signal });
    } catch (error) {
      if (!isMethodNotAllowed(error) && !isNotFound(error)) throw error;
    }
    const { items } = await list(ref, name);
    return {
      count: items.length,
      finalizers: [...new Set(items.flatMap(({ metadata }) => metadata.finalizers ?? []))],
    };
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
  readonly finalizers: readonly string[];
}

/** Pods end by themselves within their grace period; finalizers wait for somebody else. */
function waitFor(left: ReadonlyMap<ResourceRef, Left>): number {
  return [...left.values()].some(({ finalizers }) => finalizers.length > 0) ? 2000 : 500;
}

async function reportRemaining(
  { client, now }: ControllerDeps,
  namespace: Namespace,
  left: ReadonlyMap<ResourceRef, Left>,
  signal: AbortSignal,
) {
  const kinds = [...left].map(([ref, { count }]) => `${groupResource(ref)} has ${count} resource instances`).sort();
  const finalizers = new Map<string, number>();
  for (const { finalizers: names, count } of left.values())
    for (const name of names) finalizers.set(name, (finalizers.get(name) ?? 0) + count);
  const waiting = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).sort();
  const wanted = [
    {
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${kinds.join(', ')}`,
    },
    waiting.length === 0
      ? {
          type: 'NamespaceFinalizersRemaining',
          status: 'False',
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        }
      : {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${waiting.join(', ')}`,
        },
  ];
  const known = namespace.status?.conditions ?? [];
  const same = wanted.every(({ type, message }) =>
    known.some((condition) => condition.type === type && condition.message === message),
  );
  if (same) return;
  const lastTransitionTime = formatTime(new Date(now()));
  const kept = known.filter(({ type }) => !wanted.some((condition) => condition.type === type));
  const conditions = [...kept, ...wanted.map((condition) => ({ ...condition, lastTransitionTime }))];
  await client.updateStatus(namespaces, { ...namespace, status: { ...namespace.status, conditions } }, { signal });
}
