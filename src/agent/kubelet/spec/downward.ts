import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from '#api/core/v1.ts';
import { parseQuantity, type Quantity } from '#api/meta/quantity.ts';
import { PodError } from '../pod-hook.ts';

/** What a pod can be told about itself beyond its own object. */
export interface DownwardFacts {
  readonly nodeName: string;
  readonly nodeIps: readonly string[];
  readonly podIps: readonly string[];
  /** Stands in for a limit that is not set. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The text a `fieldRef` stands for. */
export function fieldValue(pod: Pod, { fieldPath }: ObjectFieldSelector, facts: DownwardFacts): string {
  const { metadata, spec } = pod;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath);
  if (subscript !== null) {
    const [, field, key = ''] = subscript;
    return (field === 'labels' ? metadata.labels : metadata.annotations)?.[key] ?? '';
  }
  const values: Readonly<Record<string, () => string>> = {
    'metadata.name': () => metadata.name,
    'metadata.namespace': () => metadata.namespace ?? '',
    'metadata.uid': () => metadata.uid ?? '',
    'metadata.labels': () => formatMap(metadata.labels),
    'metadata.annotations': () => formatMap(metadata.annotations),
    'spec.nodeName': () => facts.nodeName,
    'spec.serviceAccountName': () => spec.serviceAccountName ?? '',
    'status.hostIP': () => facts.nodeIps[0] ?? '',
    'status.hostIPs': () => facts.nodeIps.join(','),
    'status.podIP': () => facts.podIps[0] ?? '',
    'status.podIPs': () => facts.podIps.join(','),
  };
  const value = values[fieldPath];
  if (value === undefined) throw new PodError('CreateContainerConfigError', `unsupported fieldPath: ${fieldPath}`);
  return value();
}

/** One `key="value"` per line, sorted; the value quoted with escapes. */
function formatMap(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

/** The number a `resourceFieldRef` stands for, in units of its divisor and rounded up. */
export function resourceValue(
  containers: readonly Container[],
  selector: ResourceFieldSelector,
  { own, allocatable }: { own: string | undefined; allocatable: DownwardFacts['allocatable'] },
): string {
  const name = selector.containerName ?? own;
  const container = containers.find((candidate) => candidate.name === name);
  if (container === undefined) throw new PodError('CreateContainerConfigError', `container ${name ?? ''} not found`);
  const [kind = '', ...rest] = selector.resource.split('.');
  const resource = rest.join('.');
  const { requests = {}, limits = {} } = container.resources ?? {};
  const text = kind === 'limits' ? (limits[resource] ?? allocatable[resource] ?? '0') : (requests[resource] ?? '0');
  return divideUp(parseQuantity(text), parseQuantity(selector.divisor ?? '1'));
}

function divideUp(amount: Quantity, divisor: Quantity): string {
  const unit = divisor.nano === 0n ? 1_000_000_000n : divisor.nano;
  return String((amount.nano + unit - 1n) / unit);
}
