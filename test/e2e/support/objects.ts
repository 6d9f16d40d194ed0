import type { Pod } from '#api/core/v1.ts';
import type { Kubectl } from './kubectl.ts';

/** Pods of an app that are not on their way out, by name. */
export async function podsOf(kubectl: Kubectl, app: string): Promise<Pod[]> {
  const { items } = await kubectl.json<{ items: Pod[] }>(['get', 'pods', '--selector', `app=${app}`]);
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Whether the Ready condition holds. */
export function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') ?? false;
}

/** How often containers of these pods were started again, by pod. */
export function restartsOf(pods: readonly Pod[]): Record<string, number> {
  return Object.fromEntries(
    pods.map(({ metadata, status }) => [
      metadata.name,
      (status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
    ]),
  );
}

/** Addresses a Service sends traffic to, sorted. */
export async function endpointsOf(kubectl: Kubectl, service: string): Promise<string[]> {
  const { items } = await kubectl.json<{ items: EndpointSliceList }>([
    'get',
    'endpointslices',
    '--selector',
    `kubernetes.io/service-name=${service}`,
  ]);
  const endpoints = items.flatMap((slice) => slice.endpoints ?? []);
  return endpoints
    .filter(({ conditions }) => conditions?.ready === true)
    .flatMap(({ addresses }) => addresses)
    .sort();
}

type EndpointSliceList = readonly {
  endpoints?: readonly { addresses: readonly string[]; conditions?: { ready?: boolean } }[] | null;
}[];
