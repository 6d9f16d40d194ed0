import { fill } from '../schema/fill.ts';
import type { IngressClass, NetworkPolicy } from './v1.ts';

/** Modifies. */
export function defaultNetworkPolicy({ spec }: NetworkPolicy): void {
  if (spec === undefined) return;
  const { ingress = [], egress = [] } = spec;
  for (const rule of [...ingress, ...egress]) for (const port of rule.ports ?? []) fill(port, { protocol: 'TCP' });
  if ((spec.policyTypes?.length ?? 0) === 0) {
    spec.policyTypes = egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  }
}

/** Modifies. */
export function defaultIngressClass({ spec }: IngressClass): void {
  if (spec?.parameters) fill(spec.parameters, { scope: 'Cluster' });
}
