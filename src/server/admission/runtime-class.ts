import type { AdmissionRequest } from '#api/admission/request.ts';
import { type Pod, pods, type Toleration } from '#api/core/v1.ts';
import { deepClone, deepEqual } from '#api/meta/clone.ts';
import { goQuote } from '#api/meta/go-text.ts';
import { equalQuantities } from '#api/meta/quantity.ts';
import { type RuntimeClass, runtimeClasses } from '#api/node/v1.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';
import { refusal } from './refusal.ts';

const OVERHEAD_DIFFERS = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
const OVERHEAD_ALONE = 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead';

/** Adds what a pod's runtime class costs and where it can run. */
export function runtimeClass({ cache }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    handles: (request) => request.operation === 'CREATE' && concerns(request, pods),
    mutate(request) {
      const pod = request.object as Pod;
      const { overhead, scheduling } = classOf(request, pod) ?? {};
      if (overhead?.podFixed !== undefined) {
        if (pod.spec.overhead !== undefined && !sameAmounts(pod.spec.overhead, overhead.podFixed)) {
          throw refusal(request, OVERHEAD_DIFFERS);
        }
        pod.spec.overhead = { ...overhead.podFixed };
      }
      if (scheduling !== undefined) place(request, pod, scheduling);
    },
    validate(request) {
      const pod = request.object as Pod;
      const { overhead } = classOf(request, pod) ?? {};
      const own = pod.spec.overhead ?? {};
      if (overhead !== undefined) {
        if (!sameAmounts(own, overhead.podFixed ?? {})) throw refusal(request, OVERHEAD_DIFFERS);
      } else if (Object.keys(own).length > 0) {
        throw refusal(request, OVERHEAD_ALONE);
      }
    },
  };

  function classOf(request: AdmissionRequest, { spec }: Pod): RuntimeClass | undefined {
    const { runtimeClassName: name = '' } = spec;
    if (name === '') return undefined;
    const found = cache.get(runtimeClasses, { name });
    if (found === undefined) throw refusal(request, `pod rejected: RuntimeClass ${goQuote(name)} not found`);
    return found;
  }
}

type Amounts = Readonly<Record<string, string>>;

function sameAmounts(a: Amounts, b: Amounts): boolean {
  const names = Object.keys(a);
  if (names.length !== Object.keys(b).length) return false;
  return names.every((name) => b[name] !== undefined && equalQuantities(a[name] ?? '', b[name]));
}

function place(
  request: AdmissionRequest,
  { spec }: Pod,
  { nodeSelector, tolerations = [] }: NonNullable<RuntimeClass['scheduling']>,
): void {
  const selector = { ...spec.nodeSelector };
  for (const [key, value] of Object.entries(nodeSelector ?? {})) {
    const own = selector[key];
    if (own !== undefined && own !== value) {
      const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`;
      throw refusal(request, why);
    }
    selector[key] = value;
  }
  if (nodeSelector !== undefined) spec.nodeSelector = selector;
  const own: readonly Toleration[] = spec.tolerations ?? [];
  const added = tolerations.filter((toleration) => !own.some((present) => deepEqual(present, toleration)));
  if (added.length > 0) spec.tolerations = [...own, ...added.map((toleration) => deepClone(toleration))];
}
