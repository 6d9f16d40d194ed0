import { isPodReady, isPodTerminal } from '#api/core/pod.ts';
import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Endpoints,
  Pod,
  Service,
  ServicePort,
} from '#api/core/v1.ts';
import type { Endpoint, EndpointSlice, EndpointPort as SlicePort } from '#api/discovery/v1.ts';

/** Most endpoints in one slice, as upstream has it. */
export const SLICE_SIZE = 100;
/** Most addresses in one Endpoints object before it is cut off. */
export const ENDPOINTS_SIZE = 1000;

/** Port number of a service port on one pod: named ports differ from pod to pod. */
export function targetPortOf(pod: Pod, port: ServicePort): number | undefined {
  const { targetPort = port.port, protocol = 'TCP' } = port;
  if (typeof targetPort === 'number') return targetPort;
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  for (const container of containers) {
    const found = container.ports?.find(
      (candidate) => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol,
    );
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}

/** Whether a pod belongs among a service's endpoints at all, ready or not. */
function isCandidate(pod: Pod): boolean {
  return (pod.status?.podIP ?? '') !== '' && !isPodTerminal(pod);
}

/** What a service's slices should hold, grouped by the ports that its pods resolve to. */
export function planSliceContents(
  service: Service,
  pods: readonly Pod[],
): { ports: SlicePort[]; endpoints: Endpoint[] }[] {
  const groups = new Map<string, { ports: SlicePort[]; endpoints: Endpoint[] }>();
  for (const pod of pods.filter(isCandidate)) {
    const ports = slicePorts(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpointOf(service, pod));
    groups.set(key, group);
  }
  // A service without pods still has a slice, so that clients see it is known.
  if (groups.size === 0) return [{ ports: [], endpoints: [] }];
  return [...groups.values()];
}

function slicePorts(service: Service, pod: Pod): SlicePort[] {
  return (service.spec?.ports ?? []).flatMap((port) => {
    const number = targetPortOf(pod, port);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }),
      },
    ];
  });
}

function endpointOf(service: Service, pod: Pod): Endpoint {
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const serving = isPodReady(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  return {
    addresses: [pod.status?.podIP ?? ''],
    conditions: { ready, serving, terminating },
    ...(hasOwnName(service, pod) && { hostname: pod.spec?.hostname }),
    ...(pod.spec?.nodeName && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
  };
}

/** Pods with hostname and the service as subdomain get a DNS name of their own. */
function hasOwnName(service: Service, pod: Pod): boolean {
  return Boolean(pod.spec?.hostname) && pod.spec?.subdomain === service.metadata.name;
}

export interface SlicePlan {
  readonly create: EndpointSlice[];
  readonly update: EndpointSlice[];
  readonly remove: EndpointSlice[];
}

/** Fits the wanted endpoints into the slices that are there, changing as few as possible. `blank` makes a new slice's metadata. */
export function planSlices(
  wanted: readonly { ports: SlicePort[]; endpoints: Endpoint[] }[],
  present: readonly EndpointSlice[],
  blank: (ports: SlicePort[]) => EndpointSlice,
): SlicePlan {
  const unused = [...present].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const plan: SlicePlan = { create: [], update: [], remove: [] };
  for (const { ports, endpoints } of wanted) {
    const chunks = Math.max(1, Math.ceil(endpoints.length / SLICE_SIZE));
    const sorted = [...endpoints].sort((a, b) => ((a.addresses[0] ?? '') < (b.addresses[0] ?? '') ? -1 : 1));
    for (let i = 0; i < chunks; i++) {
      const chunk = sorted.slice(i * SLICE_SIZE, (i + 1) * SLICE_SIZE);
      const samePorts = unused.findIndex(
        (slice) => JSON.stringify(portsKey(slice.ports)) === JSON.stringify(portsKey(ports)),
      );
      const index = samePorts >= 0 ? samePorts : unused.length > 0 ? 0 : -1;
      const [slice] = index < 0 ? [] : unused.splice(index, 1);
      if (slice === undefined) plan.create.push({ ...blank(ports), ports, endpoints: chunk });
      else plan.update.push({ ...slice, ports, endpoints: chunk });
    }
  }
  plan.remove.push(...unused);
  return plan;
}

function portsKey(ports: readonly SlicePort[] | null | undefined): unknown {
  return (ports ?? []).map(({ name = '', port, protocol = 'TCP', appProtocol }) => [name, port, protocol, appProtocol]);
}

/** What a service's Endpoints object should hold: ready and other addresses per set of ports. */
export function planSubsets(service: Service, pods: readonly Pod[]): { subsets: EndpointSubset[]; truncated: boolean } {
  const groups = new Map<string, { ports: EndpointPort[]; ready: EndpointAddress[]; waiting: EndpointAddress[] }>();
  let count = 0;
  let truncated = false;
  for (const pod of [...pods]
    .filter(isCandidate)
    .sort((a, b) => ((a.status?.podIP ?? '') < (b.status?.podIP ?? '') ? -1 : 1))) {
    const tolerant = service.spec?.publishNotReadyAddresses === true;
    // Endpoints know no terminating addresses: such a pod leaves at once.
    if (pod.metadata.deletionTimestamp !== undefined && !tolerant) continue;
    if (++count > ENDPOINTS_SIZE) {
      truncated = true;
      break;
    }
    const ports = slicePorts(service, pod).map(({ name, ...port }) => ({
      ...(name && { name }),
      ...port,
    })) as EndpointPort[];
    if (ports.length === 0 && (service.spec?.ports ?? []).length > 0) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, ready: [], waiting: [] };
    (tolerant || isPodReady(pod) ? group.ready : group.waiting).push(addressOf(service, pod));
    groups.set(key, group);
  }
  const subsets = [...groups.values()].map(({ ports, ready, waiting }) => ({
    ...(ready.length > 0 && { addresses: ready }),
    ...(waiting.length > 0 && { notReadyAddresses: waiting }),
    ...(ports.length > 0 && { ports }),
  }));
  return { subsets, truncated };
}

function addressOf(service: Service, pod: Pod): EndpointAddress {
  return {
    ip: pod.status?.podIP ?? '',
    ...(hasOwnName(service, pod) && { hostname: pod.spec?.hostname }),
    ...(pod.spec?.nodeName && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace, name: pod.metadata.name, uid: pod.metadata.uid },
  };
}

/** Whether two Endpoints say the same. */
export function sameSubsets(a: Endpoints['subsets'], b: Endpoints['subsets']): boolean {
  return JSON.stringify(a ?? []) === JSON.stringify(b ?? []);
}
