import type { AdmissionRequest } from '#api/admission/request.ts';
import { type Pod, pods } from '#api/core/v1.ts';
import { type PriorityClass, priorityClasses } from '#api/scheduling/v1.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';
import { refusal } from './refusal.ts';

const PREEMPT = 'PreemptLowerPriority';

/** Writes the number a pod's priority class stands for into the pod, and keeps the default class the only one. */
export function priority({ cache }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'Priority',
    handles: (request) =>
      (request.operation === 'CREATE' || request.operation === 'UPDATE') &&
      (concerns(request, pods) || concerns(request, priorityClasses)),
    mutate(request) {
      if (!concerns(request, pods)) return;
      if (request.operation === 'CREATE') resolve(request);
      else keep(request.object as Pod, request.oldObject as Pod);
    },
    validate(request) {
      if (!concerns(request, priorityClasses)) return;
      const { globalDefault, metadata } = request.object as PriorityClass;
      const present = globalDefault === true ? defaultClass() : undefined;
      if (present === undefined) return;
      if (request.operation === 'UPDATE' && present.metadata.name === metadata.name) return;
      const why = `PriorityClass ${present.metadata.name} is already marked as default. Only one default can exist`;
      throw refusal(request, why);
    },
  };

  /** The lowest, should two have slipped in. */
  function defaultClass(): PriorityClass | undefined {
    const defaults = cache.list(priorityClasses).filter(({ globalDefault }) => globalDefault === true);
    return defaults.sort((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  }

  function classOf(request: AdmissionRequest, { spec }: Pod): PriorityClass | undefined {
    const { priorityClassName: name = '' } = spec;
    if (name === '') return defaultClass();
    const named = cache.get(priorityClasses, { name });
    if (named === undefined) throw refusal(request, `no PriorityClass with name ${name} was found`);
    return named;
  }

  function resolve(request: AdmissionRequest): void {
    const pod = request.object as Pod;
    const { spec } = pod;
    const found = classOf(request, pod);
    const { value = 0, preemptionPolicy = PREEMPT } = found ?? {};
    if (spec.priority !== undefined && spec.priority !== value) {
      throw refusal(request, mismatch('the integer value of priority', spec.priority, value));
    }
    if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== preemptionPolicy) {
      throw refusal(request, mismatch('the string value of PreemptionPolicy', spec.preemptionPolicy, preemptionPolicy));
    }
    if (found !== undefined) spec.priorityClassName = found.metadata.name;
    spec.priority = value;
    spec.preemptionPolicy = preemptionPolicy;
  }
}

function mismatch(what: string, given: unknown, computed: unknown): string {
  return `${what} (${given}) must not be provided in pod spec; priority admission controller computed ${computed} from the given PriorityClass name`;
}

/** A client that knows nothing of priorities must not remove them. */
function keep(pod: Pod, old: Pod): void {
  const { priority = old.spec.priority, preemptionPolicy = old.spec.preemptionPolicy } = pod.spec;
  if (priority === pod.spec.priority && preemptionPolicy === pod.spec.preemptionPolicy) return;
  pod.spec = { ...pod.spec, priority, preemptionPolicy };
}
