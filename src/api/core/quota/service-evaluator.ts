import { quantityOf } from '../../meta/quantity.ts';
import type { Service } from '../v1.ts';
import type { Amounts } from './pod-quantities.ts';
import type { QuotaEvaluator } from './quota-evaluator.ts';

const COUNTED: ReadonlySet<string> = new Set([
  'count/services',
  'services',
  'services.nodeports',
  'services.loadbalancers',
]);

/** Services count as objects, with the ports they take on every node, and as load balancers. */
export const serviceEvaluator: QuotaEvaluator = {
  counts: (name) => COUNTED.has(name),
  usage: (object) => serviceUsage(object as Service),
};

function serviceUsage({ spec = {} }: Service): Amounts {
  return new Map([
    ['count/services', quantityOf(1)],
    ['services', quantityOf(1)],
    ['services.nodeports', quantityOf(nodePorts(spec))],
    ['services.loadbalancers', quantityOf(spec.type === 'LoadBalancer' ? 1 : 0)],
  ]);
}

function nodePorts({ type, ports = [], allocateLoadBalancerNodePorts }: NonNullable<Service['spec']>): number {
  if (type === 'NodePort') return ports.length;
  if (type !== 'LoadBalancer') return 0;
  if (allocateLoadBalancerNodePorts !== false) return ports.length;
  return ports.filter(({ nodePort = 0 }) => nodePort !== 0).length;
}
