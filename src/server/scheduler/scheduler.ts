import { isPodTerminal } from '#api/core/pod.ts';
import { type Node, nodes, type Pod, pods } from '#api/core/v1.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { keyString } from '#api/meta/resource-ref.ts';
import { formatTime } from '#api/meta/time.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import type { Cache, CacheEvent } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import { decide } from './decide.ts';
import { NodeState } from './node-state.ts';
import { SchedulingQueue } from './queue.ts';

export interface SchedulerDeps {
  readonly client: Client;
  readonly cache: Cache;
  readonly events: EventRecorder;
  readonly log: Logger;
  readonly now?: () => number;
}

/** The name that pods ask for by `spec.schedulerName`. */
const SCHEDULER_NAME = 'default-scheduler';

/** Parked pods get another try at least so often, should a change have been missed. */
const FLUSH_MS = 5 * 60_000;

/** Binds pods to nodes. Decides one pod after the other on its own picture of the nodes, and binds without waiting. */
export class Scheduler implements Component {
  readonly name = 'scheduler';
  readonly #deps: SchedulerDeps;
  readonly #now: () => number;
  readonly #queue: SchedulingQueue;
  readonly #nodes = new Map<string, NodeState>();
  /** Node of each pod in the picture, by UID; also of pods whose binding is still under way. */
  readonly #placed = new Map<string, string>();
  readonly #waiting = new Map<string, Pod>();
  readonly #abort = new AbortController();
  readonly #binding = new Set<Promise<void>>();
  #stops: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #flush: NodeJS.Timeout | undefined;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#queue = new SchedulingQueue(this.#now);
  }

  async start(): Promise<void> {
    const { cache } = this.#deps;
    this.#stops = [
      cache.onChange(nodes, (event) => this.#onNode(event)),
      cache.onChange(pods, (event) => this.#onPod(event)),
    ];
    this.#flush = setInterval(() => this.#wake(), FLUSH_MS);
    this.#flush.unref();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    for (const stop of this.#stops.splice(0)) stop();
    clearTimeout(this.#timer);
    clearInterval(this.#flush);
    await Promise.allSettled(this.#binding);
  }

  #onNode(event: CacheEvent<Node>): void {
    const { name } = event.object.metadata;
    if (event.type === 'DELETED') {
      this.#nodes.delete(name);
      return;
    }
    const known = this.#nodes.get(name);
    if (known !== undefined) known.replaceNode(event.object);
    else {
      const state = new NodeState(event.object);
      this.#nodes.set(name, state);
      for (const pod of this.#deps.cache.onNode(pods, name)) this.#place(pod, name);
    }
    // A heartbeat helps nobody.
    if (event.type === 'ADDED' || mayHelp(event.object, event.type === 'MODIFIED' ? event.previous : undefined))
      this.#wake({ atOnce: true });
  }

  #onPod(event: CacheEvent<Pod>): void {
    const pod = event.object;
    const uid = pod.metadata.uid ?? '';
    const key = keyString(pod.metadata);
    const { nodeName = '' } = pod.spec ?? {};
    if (event.type === 'DELETED' || isPodTerminal(pod)) {
      this.#waiting.delete(key);
      this.#queue.remove(key);
      if (this.#displace(uid)) this.#wake();
      return;
    }
    if (nodeName !== '') {
      this.#waiting.delete(key);
      this.#queue.remove(key);
      this.#place(pod, nodeName);
      return;
    }
    const gated = (pod.spec?.schedulingGates ?? []).length > 0;
    if (
      pod.metadata.deletionTimestamp !== undefined ||
      gated ||
      (pod.spec?.schedulerName ?? SCHEDULER_NAME) !== SCHEDULER_NAME
    ) {
      this.#waiting.delete(key);
      this.#queue.remove(key);
      return;
    }
    this.#waiting.set(key, pod);
    if (this.#placed.has(uid)) return;
    this.#queue.add(key, pod.spec?.priority ?? 0);
    this.#schedule();
  }

  #place(pod: Pod, nodeName: string): void {
    const uid = pod.metadata.uid ?? '';
    const before = this.#placed.get(uid);
    if (before !== undefined && before !== nodeName) this.#displace(uid);
    this.#placed.set(uid, nodeName);
    if (!isPodTerminal(pod)) this.#nodes.get(nodeName)?.add(pod);
  }

  #displace(uid: string): boolean {
    const nodeName = this.#placed.get(uid);
    this.#placed.delete(uid);
    if (nodeName === undefined) return false;
    this.#nodes.get(nodeName)?.remove(uid);
    return true;
  }

  #wake(options: { atOnce?: boolean } = {}): void {
    this.#queue.wake(options);
    this.#schedule();
  }

  /** Runs after the present turn, so that a burst of new pods is looked at in the order of their priorities. */
  #schedule(): void {
    const inMs = this.#queue.nextInMs();
    if (inMs === undefined || this.#abort.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#work(), inMs);
  }

  #work(): void {
    const deadline = this.#now() + 20;
    for (let key = this.#queue.next(); key !== undefined; key = this.#queue.next()) {
      this.#try(key);
      // Leave the loop to others now and then.
      if (this.#now() > deadline) break;
    }
    this.#schedule();
  }

  #try(key: string): void {
    const pod = this.#waiting.get(key);
    if (pod === undefined) return this.#queue.remove(key);
    const decision = decide(pod, [...this.#nodes.values()], (count) => Math.floor(Math.random() * count));
    if (decision.nodeName === undefined) {
      this.#queue.park(key);
      this.#track(this.#report(pod, decision.message));
      return;
    }
    this.#queue.remove(key);
    this.#place(pod, decision.nodeName);
    this.#track(this.#bind(pod, decision.nodeName));
  }

  #track(work: Promise<void>): void {
    this.#binding.add(work);
    void work.finally(() => this.#binding.delete(work));
  }

  async #bind(pod: Pod, nodeName: string): Promise<void> {
    const { client, events, log } = this.#deps;
    const { name, namespace, uid } = pod.metadata;
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { kind: 'Node', name: nodeName },
    };
    try {
      await client.createSubresource(pods, pod.metadata, 'binding', binding, { signal: this.#abort.signal });
      log.debug({ namespace, name, node: nodeName }, 'pod bound');
      events.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${nodeName}`);
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#displace(uid ?? '');
      const key = keyString(pod.metadata);
      if (isNotFound(error) || isConflict(error)) return this.#queue.remove(key);
      log.warn({ err: error, namespace, name, node: nodeName }, 'binding failed');
      this.#queue.add(key, pod.spec?.priority ?? 0);
      this.#queue.retry(key);
      this.#schedule();
    }
  }

  async #report(pod: Pod, message: string): Promise<void> {
    const { client, events, log } = this.#deps;
    events.event(pod, 'Warning', 'FailedScheduling', message);
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
    if (known?.status === 'False' && known.message === message) return;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: known?.status === 'False' ? known.lastTransitionTime : formatTime(new Date(this.#now())),
    };
    try {
      const status = { conditions: [condition] };
      await client.patch(
        pods,
        pod.metadata,
        { status },
        { type: 'strategic', subresource: 'status', signal: this.#abort.signal },
      );
    } catch (error) {
      if (!isNotFound(error) && !this.#abort.signal.aborted)
        log.warn({ err: error, ...keyOf(pod) }, 'reporting an unschedulable pod failed');
    }
  }
}

function keyOf({ metadata: { namespace, name } }: Pod) {
  return { namespace, name };
}

/** Whether a node's change may let a pod in that it refused before. */
function mayHelp(node: Node, previous: Node | undefined): boolean {
  if (previous === undefined) return true;
  const facts = ({ metadata, spec, status }: Node) =>
    JSON.stringify([metadata.labels, spec?.taints, spec?.unschedulable, status?.allocatable]);
  return facts(node) !== facts(previous);
}
