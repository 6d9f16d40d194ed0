import { isPodTerminal } from '#api/core/pod.ts';
import { type Pod, pods } from '#api/core/v1.ts';
import { conflict, internalError, isConflict, StatusError, tooManyRequests, withCauses } from '#api/meta/errors.ts';
import { labelSelectorOf } from '#api/meta/selectors.ts';
import { formatTime } from '#api/meta/time.ts';
import type { ApiObject, DeleteOptions } from '#api/meta/types.ts';
import { type PodDisruptionBudget, podDisruptionBudgets } from '#api/policy/v1.ts';
import type { Client } from '#client/client.ts';
import type { RequestContext } from '#server/apiserver/resource.ts';

type EvictContext = RequestContext & { readonly client: Client };

const MAX_DISRUPTED = 2000;
const MAX_ATTEMPTS = 5;
const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

/** Deletes a pod unless its disruption budget forbids: then 429, to be tried again later. */
export async function evictPod(pod: Pod, body: ApiObject, context: EvictContext): Promise<unknown> {
  const { deleteOptions } = body as ApiObject & { deleteOptions?: DeleteOptions };
  const { uid } = deleteOptions?.preconditions ?? {};
  if (uid !== undefined && uid !== pod.metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${pod.metadata.uid}). The object might have been deleted and then recreated`;
    throw conflict(pods, pod.metadata.name, why);
  }
  if (!ignoresBudget(pod)) await takeFromBudget(pod, context);
  await markDisrupted(pod, context);
  await deletePod(pod, deleteOptions, context);
  return SUCCESS;
}

/** Pods that serve nobody cost no budget. */
function ignoresBudget(pod: Pod): boolean {
  return isPodTerminal(pod) || pod.status?.phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined;
}

async function takeFromBudget(pod: Pod, context: EvictContext): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const budgets = budgetsOf(pod, context);
    const [budget] = budgets;
    if (budget === undefined) return;
    if (budgets.length > 1)
      throw internalError(
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      );
    const { name } = budget.metadata;
    const isReady = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
    if (!isReady && (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow' || isHealthyWithout(budget))) return;
    const status = judge(budget, pod, context.now);
    try {
      if (!context.dryRun)
        await context.client.updateStatus(podDisruptionBudgets, { ...budget, status }, { signal: context.signal });
      return;
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (attempt === MAX_ATTEMPTS)
        throw tooManyRequests(`couldn't update PodDisruptionBudget "${name}" due to conflicts`, 10);
    }
  }
}

/** An unready pod does not count among the healthy ones, so its end takes nothing from a budget that is met. */
function isHealthyWithout({ status }: PodDisruptionBudget): boolean {
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

function budgetsOf({ metadata }: Pod, { cache }: EvictContext): PodDisruptionBudget[] {
  const { namespace } = metadata;
  const matches = ({ spec }: PodDisruptionBudget) =>
    spec?.selector !== undefined && labelSelectorOf(spec.selector).matches(metadata.labels);
  return cache.list(podDisruptionBudgets, { namespace }).filter(matches);
}

/** The budget's status with the pod noted as on its way out; throws 429 when there is nothing left. */
function judge(budget: PodDisruptionBudget, pod: Pod, now: Date): NonNullable<PodDisruptionBudget['status']> {
  const { metadata, status } = budget;
  const { name, generation = 0 } = metadata;
  const observed = status?.observedGeneration ?? 0;
  if (status === undefined || observed < generation)
    throw refused(`The disruption budget ${name} is still being processed by the server.`, 10);
  const { disruptionsAllowed = 0 } = status;
  if (disruptionsAllowed < 0)
    throw new StatusError({
      ...internalError('pdb disruptions allowed is negative').status,
      code: 403,
      reason: 'Forbidden',
    });
  if (disruptionsAllowed === 0) {
    throw refused(
      `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
      0,
    );
  }
  const disruptedPods = { ...status.disruptedPods };
  if (Object.keys(disruptedPods).length > MAX_DISRUPTED) {
    throw refused('DisruptedPods map too big - too many evictions not confirmed by PDB controller', 0);
  }
  return {
    ...status,
    disruptionsAllowed: disruptionsAllowed - 1,
    disruptedPods: { ...disruptedPods, [pod.metadata.name]: formatTime(now) },
  };
}

function refused(detail: string, retryAfterSeconds: number): StatusError {
  const error = tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retryAfterSeconds);
  return withCauses(error, [{ reason: 'DisruptionBudget', message: detail }]);
}

/** Tells whoever looks after the pod why it goes. Best effort: the pod may change or vanish meanwhile. */
async function markDisrupted(pod: Pod, { client, now, dryRun, signal }: EvictContext): Promise<void> {
  if (dryRun || isPodTerminal(pod)) return;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastTransitionTime: formatTime(now),
  };
  const patch = { status: { conditions: [condition] } };
  try {
    await client.patch(pods, pod.metadata, patch, { type: 'strategic', subresource: 'status', signal });
  } catch (error) {
    if (!(error instanceof StatusError) || error.code >= 500) throw error;
  }
}

async function deletePod(
  pod: Pod,
  options: DeleteOptions | undefined,
  { client, dryRun, signal }: EvictContext,
): Promise<void> {
  if (dryRun || options?.dryRun?.includes('All') === true) return;
  const { gracePeriodSeconds } = options ?? {};
  await client.delete(pods, pod.metadata, {
    signal,
    preconditions: { ...(pod.metadata.uid !== undefined && { uid: pod.metadata.uid }) },
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
  });
}
