import { leases } from '#api/coordination/v1.ts';
import { type Node, type NodeCondition, nodes, type Pod, pods, type Taint } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';

/** Silence after which a node counts as lost. Its lease is renewed every 10 s. */
const GRACE_MS = 40_000;
const LEASES = 'kube-node-lease';

const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';

/** Conditions that show as taints while they have this status. */
const CONDITION_TAINTS: readonly { type: string; status: string; key: string }[] = [
  { type: 'Ready', status: 'False', key: NOT_READY },
  { type: 'Ready', status: 'Unknown', key: UNREACHABLE },
  { type: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure' },
  { type: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure' },
  { type: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure' },
  { type: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable' },
];

/** Notices silent nodes, taints nodes by their conditions, and takes pods of lost nodes out of service. */
export function nodeLifecycleController({ client, cache, events, now }: ControllerDeps): Controller {
  /** When each node was last seen alive, by this process's clock: clocks of nodes may be wrong. */
  const seen = new Map<string, { renewTime: string | undefined; at: number }>();
  return {
    name: 'node-controller',
    primary: nodes,
    watches: [watches(leases, ({ metadata }) => (metadata.namespace === LEASES ? [{ name: metadata.name }] : []))],
    async reconcile({ name }, { log, signal }) {
      const node = cache.get(nodes, { name });
      if (node === undefined) return void seen.delete(name);
      const silentMs = now() - lastSeen(node);
      let current = node;
      if (silentMs >= GRACE_MS && readyStatus(node) !== 'Unknown') {
        log.warn({ node: name, silentMs }, 'node is lost');
        current = await client.updateStatus(nodes, asLost(node, now()), { signal });
        events.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
      }
      await keepTaints(current, signal);
      if (readyStatus(current) === 'False' || readyStatus(current) === 'Unknown') await markPods(name, signal);
      if (silentMs < GRACE_MS) return { requeueAfterMs: GRACE_MS - silentMs + 50 };
    },
  };

  function lastSeen(node: Node): number {
    const { name } = node.metadata;
    const renewTime = `${cache.get(leases, { namespace: LEASES, name })?.spec?.renewTime}/${heartbeat(node)}`;
    const known = seen.get(name);
    if (known?.renewTime === renewTime) return known.at;
    seen.set(name, { renewTime, at: now() });
    return now();
  }

  async function keepTaints(node: Node, signal: AbortSignal): Promise<void> {
    const taints = planTaints(node, formatTime(new Date(now())));
    if (deepEqual(taints, node.spec?.taints ?? [])) return;
    const { name, resourceVersion } = node.metadata;
    const patch = { metadata: { resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } };
    await client.patch(nodes, { name }, patch, { type: 'merge', signal });
  }

  /** A pod on a lost node is not ready, whatever it last said: its endpoints must leave. */
  async function markPods(nodeName: string, signal: AbortSignal): Promise<void> {
    for (const pod of cache.onNode(pods, nodeName)) {
      const conditions = notReady(pod, now());
      if (conditions === undefined) continue;
      try {
        await client.patch(
          pods,
          pod.metadata,
          { status: { conditions } },
          { type: 'strategic', subresource: 'status', signal },
        );
        events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  }
}

function heartbeat(node: Node): string | undefined {
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime;
}

/** Undefined for a node that never said anything. */
function readyStatus(node: Node): string | undefined {
  return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}

function asLost(node: Node, now: number): Node {
  const time = formatTime(new Date(now));
  const types = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
  const known = node.status?.conditions ?? [];
  const lost = types.map((type): NodeCondition => {
    const before = known.find((condition) => condition.type === type);
    const silent = before === undefined ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown';
    const message = before === undefined ? 'Kubelet never posted node status.' : 'Kubelet stopped posting node status.';
    return {
      ...before,
      type,
      status: 'Unknown',
      reason: silent,
      message,
      lastTransitionTime: before?.status === 'Unknown' ? before.lastTransitionTime : time,
    };
  });
  const conditions = [...known.filter(({ type }) => !types.includes(type)), ...lost];
  return { ...node, status: { ...node.status, conditions } };
}

/** The taints a node should have: its own, and those that its conditions and `unschedulable` ask for. Pure. */
export function planTaints(node: Node, time: string): Taint[] {
  const present = node.spec?.taints ?? [];
  const wanted: Taint[] = [];
  for (const { type, status, key } of CONDITION_TAINTS) {
    const actual = node.status?.conditions?.find((condition) => condition.type === type)?.status;
    if (actual !== status) continue;
    wanted.push({ key, effect: 'NoSchedule' });
    if (key === NOT_READY || key === UNREACHABLE) wanted.push({ key, effect: 'NoExecute', timeAdded: time });
  }
  // Nodes are created with this taint: it stays until they say that they are ready.
  if (readyStatus(node) === undefined && present.some(({ key }) => key === NOT_READY))
    wanted.push({ key: NOT_READY, effect: 'NoSchedule' });
  if (node.spec?.unschedulable === true) wanted.push({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' });
  const managed = new Set([...CONDITION_TAINTS.map(({ key }) => key), 'node.kubernetes.io/unschedulable']);
  const same = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect;
  const kept = present.filter((taint) => !managed.has(taint.key) || wanted.some((other) => same(other, taint)));
  return [...kept, ...wanted.filter((taint) => !kept.some((other) => same(other, taint)))];
}

function notReady(pod: Pod, now: number): unknown[] | undefined {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status !== 'True') return undefined;
  return [
    {
      type: 'Ready',
      status: 'False',
      reason: 'NodeNotReady',
      message: 'Node is not ready',
      lastTransitionTime: formatTime(new Date(now)),
    },
  ];
}
