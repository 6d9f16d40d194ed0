import type { Container, Pod } from '#api/core/v1.ts';
import { equalQuantities, parseQuantity } from '#api/meta/quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COMPUTE = ['cpu', 'memory'] as const;

const given = (quantity: string | undefined) => quantity !== undefined && parseQuantity(quantity).nano > 0n;

/** The pod's class of service, from its requests and limits of cpu and memory. */
export function qosClassOf({ spec }: Pod): QosClass {
  const containers: Pick<Container, 'resources'>[] =
    spec.resources === undefined ? [...(spec.containers ?? []), ...(spec.initContainers ?? [])] : [spec];
  const asks = containers.some(({ resources = {} }) =>
    COMPUTE.some((name) => given(resources.requests?.[name]) || given(resources.limits?.[name])),
  );
  if (!asks) return 'BestEffort';
  const isGuaranteed = containers.every(({ resources = {} }) =>
    COMPUTE.every((name) => {
      const limit = resources.limits?.[name];
      const request = resources.requests?.[name];
      return limit !== undefined && given(limit) && (request === undefined || equalQuantities(request, limit));
    }),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}
