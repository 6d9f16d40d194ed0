import { leases } from '#api/coordination/v1.ts';
import { type Node, type NodeStatus, nodes, type Pod, type PodCondition, pods } from '#api/core/v1.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { keyString } from '#api/meta/resource-ref.ts';
import { formatTime } from '#api/meta/time.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';

/** Annotations that tell a hollow node how a pod behaves. */
export const HOLLOW = {
  /** `false`: the pod runs but is never ready. */
  ready: 'hollow/ready',
  /** The phase a pod ends in at once, in place of running. */
  phase: 'hollow/phase',
  /** `true`: the pod takes for ever to end. */
  lingers: 'hollow/lingers',
} as const;

export interface HollowNodeOptions {
  /** Speaks as the node. */
  readonly client: Client;
  readonly cache: Cache;
  readonly name: string;
  readonly address: string;
  /** Pods get addresses `<podPrefix>.<n>`. */
  readonly podPrefix: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly allocatable?: Readonly<Record<string, string>>;
  readonly now: () => number;
}

const PRESSURES = ['MemoryPressure', 'DiskPressure', 'PIDPressure'];

/** A node without a machine: it registers, renews its lease, and says of its pods that they run. */
export class HollowNode {
  readonly name: string;
  readonly #options: HollowNodeOptions;
  readonly #busy = new Set<string>();
  readonly #work = new Set<Promise<void>>();
  #nextAddress = 1;
  #timer: NodeJS.Timeout | undefined;
  #unsubscribe = () => {};

  constructor(options: HollowNodeOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Registers the node, Ready, and begins to serve its pods. */
  async start(): Promise<void> {
    const { client, cache, name, labels } = this.#options;
    if (cache.get(nodes, { name }) === undefined) {
      const metadata = { name, labels: { 'kubernetes.io/hostname': name, ...labels } };
      await client.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata, spec: {}, status: this.#status('False') });
    }
    await this.renew();
    await this.report('True');
    this.#timer = setInterval(() => this.#track(this.renew()), 10_000);
    this.#unsubscribe = cache.onChange(pods, ({ type, object }) => {
      if (type !== 'DELETED' && object.spec?.nodeName === name) this.#serve(object);
    });
  }

  /** Nothing is heard of the node from now on. */
  async silence(): Promise<void> {
    clearInterval(this.#timer);
    this.#unsubscribe();
    await Promise.allSettled(this.#work);
  }

  /** One heartbeat. */
  async renew(): Promise<void> {
    const { client, cache, name } = this.#options;
    const renewTime = new Date(this.#options.now()).toISOString().replace('Z', '000Z');
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime };
    const key = { namespace: 'kube-node-lease', name };
    const present = cache.get(leases, key);
    if (present === undefined)
      await client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: key, spec });
    else await client.update(leases, { ...present, spec });
  }

  /** Posts the node's status. */
  async report(ready: 'True' | 'False'): Promise<void> {
    const { client, name } = this.#options;
    await client.patch(nodes, { name }, { status: this.#status(ready) }, { type: 'strategic', subresource: 'status' });
  }

  #status(ready: 'True' | 'False'): NodeStatus {
    const { address, name, allocatable } = this.#options;
    const time = formatTime(new Date(this.#options.now()));
    const amounts = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '100Gi', ...allocatable };
    const condition = (type: string, status: string, reason: string) => ({
      type,
      status,
      reason,
      message: reason,
      lastHeartbeatTime: time,
      lastTransitionTime: time,
    });
    return {
      capacity: amounts,
      allocatable: amounts,
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
      conditions: [
        ...PRESSURES.map((type) => condition(type, 'False', 'KubeletHasSufficient')),
        condition('Ready', ready, ready === 'True' ? 'KubeletReady' : 'KubeletNotReady'),
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
    } as Node['status'] & object;
  }

  #serve(pod: Pod): void {
    const key = keyString(pod.metadata);
    const done = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
    const leaving = pod.metadata.deletionTimestamp !== undefined;
    if (this.#busy.has(key)) return;
    if (leaving && pod.metadata.annotations?.[HOLLOW.lingers] === 'true') return;
    if (!leaving && (done || pod.status?.podIP)) return;
    this.#busy.add(key);
    this.#track(
      (leaving ? this.#end(pod) : this.#run(pod)).finally(() => {
        this.#busy.delete(key);
        // What came while the pod was worked on.
        const latest = this.#options.cache.get(pods, pod.metadata);
        if (latest !== undefined && latest.metadata.resourceVersion !== pod.metadata.resourceVersion) {
          if (latest.spec?.nodeName === this.name) this.#serve(latest);
        }
      }),
    );
  }

  async #run(pod: Pod): Promise<void> {
    const { podPrefix, address, client } = this.#options;
    const { annotations = {} } = pod.metadata;
    const phase = annotations[HOLLOW.phase] ?? 'Running';
    const ready = phase === 'Running' && annotations[HOLLOW.ready] !== 'false';
    const time = formatTime(new Date(this.#options.now()));
    const conditions: PodCondition[] = ['Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
      type,
      status: type.includes('Ready') && !ready ? 'False' : 'True',
      lastTransitionTime: time,
    }));
    const podIP = `${podPrefix}.${this.#nextAddress++}`;
    const status = {
      phase,
      conditions,
      hostIP: address,
      podIP,
      podIPs: [{ ip: podIP }],
      startTime: time,
      containerStatuses: (pod.spec?.containers ?? []).map(({ name, image }) => ({
        name,
        image,
        imageID: `docker://${image}`,
        containerID: `docker://${pod.metadata.uid}`,
        ready,
        started: true,
        restartCount: 0,
        state: phase === 'Running' ? { running: { startedAt: time } } : { terminated: { exitCode: 0 } },
      })),
    };
    await client.patch(pods, pod.metadata, { status }, { type: 'strategic', subresource: 'status' });
  }

  async #end(pod: Pod): Promise<void> {
    const preconditions = { uid: pod.metadata.uid ?? '' };
    await this.#options.client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, preconditions });
  }

  #track(work: Promise<void>): void {
    const handled = work.catch((error: unknown) => {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    });
    this.#work.add(handled);
    void handled.finally(() => this.#work.delete(handled));
  }
}
