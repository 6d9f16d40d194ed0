import { quantityOf } from '../../meta/quantity.ts';
import { groupResource, type ResourceRef } from '../../meta/resource-ref.ts';
import { bindings, events } from '../v1.ts';
import { claimEvaluator } from './claim-evaluator.ts';
import { podEvaluator } from './pod-evaluator.ts';
import type { Amounts } from './pod-quantities.ts';
import type { QuotaEvaluator } from './quota-evaluator.ts';
import { serviceEvaluator } from './service-evaluator.ts';

const SPECIAL: ReadonlyMap<string, QuotaEvaluator> = new Map([
  ['pods', podEvaluator],
  ['services', serviceEvaluator],
  ['persistentvolumeclaims', claimEvaluator],
]);

/** Kinds that also have a name of their own in quotas, without `count/`. */
const NAMED: ReadonlySet<string> = new Set(['configmaps', 'replicationcontrollers', 'resourcequotas', 'secrets']);

/** Kinds that quotas never count. */
const IGNORED: ReadonlySet<string> = new Set([
  groupResource(bindings),
  groupResource(events),
  'events.events.k8s.io',
  'localsubjectaccessreviews.authorization.k8s.io',
]);

/** The evaluator of a resource; undefined for one that is not counted. */
export function evaluatorFor(ref: ResourceRef): QuotaEvaluator | undefined {
  const name = groupResource(ref);
  return IGNORED.has(name) ? undefined : (SPECIAL.get(name) ?? countEvaluator(name));
}

/** Counts objects and looks at nothing inside: for every other kind, custom ones too. */
function countEvaluator(name: string): QuotaEvaluator {
  const names = NAMED.has(name) ? [`count/${name}`, name] : [`count/${name}`];
  const one: Amounts = new Map(names.map((counted) => [counted, quantityOf(1)]));
  return {
    counts: (resourceName) => one.has(resourceName),
    usage: () => one,
  };
}
