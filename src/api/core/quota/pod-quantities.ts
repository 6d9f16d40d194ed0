import { milliQuantityOf, parseQuantity, type Quantity, type QuantityFormat } from '../../meta/quantity.ts';
import { allContainers } from '../pod.ts';
import { podLimits, podRequests } from '../pod-resources.ts';
import type { Pod } from '../v1.ts';

export type Amounts = ReadonlyMap<string, Quantity>;

/** What a pod asks for, or is limited to, as a whole; written as its first container writes it. */
export function podQuantities(pod: Pod, side: 'requests' | 'limits'): Amounts {
  const totals = side === 'requests' ? podRequests(pod) : podLimits(pod);
  return new Map(
    Object.entries(totals).map(([name, milli]) => [name, milliQuantityOf(milli, formatOf(pod, side, name))]),
  );
}

function formatOf(pod: Pod, side: 'requests' | 'limits', name: string): QuantityFormat {
  for (const { resources } of [{ resources: pod.spec.resources }, ...allContainers(pod)]) {
    const text = resources?.[side]?.[name];
    if (text !== undefined) return parseQuantity(text).format;
  }
  return 'DecimalSI';
}

/** A list of amounts as the API writes it. */
export function parseAmounts(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}
