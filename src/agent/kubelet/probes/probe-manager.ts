import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import type { Container, Probe } from '#api/core/v1.ts';
import { parseTime } from '#api/meta/time.ts';
import type { PodEvents } from '../pod-events.ts';
import type { PodRecord } from '../pods/pod-table.ts';
import type { ContainerHealth, ContainerView } from '../pods/pod-view.ts';
import { judge, NO_STREAK, type ProbeResult } from './probe-result.ts';
import { runProbe } from './prober.ts';

export interface ProbeManagerDeps {
  readonly runtime: Pick<ContainerRuntime, 'exec'>;
  readonly events: PodEvents;
  /** Called when a container's health has changed. */
  readonly onChange: (podUid: string) => void;
}

export interface ProbedContainer {
  readonly container: Container;
  readonly id: string;
  readonly ip: string;
}

type Watched = ProbedContainer & { readonly startedMs: number };

type Kind = 'startup' | 'readiness' | 'liveness';

const TITLE: Readonly<Record<Kind, string>> = { startup: 'Startup', readiness: 'Readiness', liveness: 'Liveness' };

/**
 * Checks running containers and keeps their health in the pod's record. The startup probe goes first; once it has succeeded,
 * readiness and liveness follow, each in its own rhythm. A container is watched until it is forgotten.
 */
export class ProbeManager {
  readonly #deps: ProbeManagerDeps;
  readonly #watched = new Map<string, AbortController>();

  constructor(deps: ProbeManagerDeps) {
    this.#deps = deps;
  }

  /** Begins with a container that has just started; does nothing for one that is watched. */
  watch(record: PodRecord, probed: ProbedContainer): void {
    if (this.#watched.has(probed.id)) return;
    const { startupProbe, readinessProbe } = probed.container;
    const isStarted = startupProbe === undefined;
    this.#begin(
      record,
      { ...probed, startedMs: Date.now() },
      { isStarted, isReady: isStarted && readinessProbe === undefined },
    );
  }

  /** Goes on with a container that an earlier run of the agent watched, from what the API was told last. */
  adopt(record: PodRecord, view: ContainerView, probed: ProbedContainer): void {
    if (this.#watched.has(probed.id)) return;
    const { containerStatuses = [], initContainerStatuses = [] } = record.pod.status ?? {};
    const reported = [...containerStatuses, ...initContainerStatuses].find(
      ({ containerID }) => containerID === `docker://${probed.id}`,
    );
    const { startupProbe, readinessProbe } = probed.container;
    const isStarted = startupProbe === undefined || reported?.started === true;
    const isReady = isStarted && (readinessProbe === undefined || reported?.ready === true);
    const startedMs = parseTime(view.startedAt ?? '') ?? Date.now();
    this.#begin(record, { ...probed, startedMs }, { isStarted, isReady });
  }

  forget(id: string): void {
    this.#watched.get(id)?.abort(new Error('Container is not probed any more'));
    this.#watched.delete(id);
  }

  forgetPod(record: PodRecord): void {
    for (const id of record.health.keys()) this.forget(id);
  }

  stop(): void {
    for (const id of [...this.#watched.keys()]) this.forget(id);
  }

  #begin(record: PodRecord, probed: Watched, health: ContainerHealth): void {
    const stop = new AbortController();
    this.#watched.set(probed.id, stop);
    record.health.set(probed.id, health);
    this.#deps.onChange(record.uid);
    const { startupProbe } = probed.container;
    const first = startupProbe === undefined || health.isStarted ? undefined : startupProbe;
    if (first === undefined) this.#beginSteady(record, probed, stop.signal);
    else this.#loop({ record, probed, kind: 'startup', probe: first, signal: stop.signal });
  }

  #beginSteady(record: PodRecord, probed: Watched, signal: AbortSignal): void {
    const { readinessProbe, livenessProbe } = probed.container;
    if (readinessProbe !== undefined) this.#loop({ record, probed, kind: 'readiness', probe: readinessProbe, signal });
    if (livenessProbe !== undefined) this.#loop({ record, probed, kind: 'liveness', probe: livenessProbe, signal });
  }

  #loop(work: ProbeLoop): void {
    const { probed, probe, signal } = work;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    const dueMs = probed.startedMs + (probe.initialDelaySeconds ?? 0) * 1000;
    let streak = NO_STREAK;
    let timer: NodeJS.Timeout | undefined;
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
    const schedule = (delayMs: number) => {
      timer = setTimeout(() => void turn(), delayMs);
    };
    const turn = async () => {
      const startedMs = Date.now();
      try {
        const target = { containerId: probed.id, container: probed.container, podIp: probed.ip };
        const result = await runProbe(this.#deps.runtime, probe, target, signal);
        this.#tell(work, result);
        const judged = judge(streak, result, probe);
        streak = judged.streak;
        if (judged.verdict !== undefined && !this.#apply(work, judged.verdict)) return;
      } catch {
        // Only an abort gets here: the container is not probed any more.
        return;
      }
      if (!signal.aborted) schedule(Math.max(0, periodMs - (Date.now() - startedMs)));
    };
    schedule(Math.max(0, dueMs - Date.now()));
  }

  #tell({ record, probed, kind }: ProbeLoop, { outcome, output }: ProbeResult): void {
    if (outcome === 'success') return;
    const what = outcome === 'failure' ? 'failed' : 'errored and resulted in unknown state';
    const message = `${TITLE[kind]} probe ${what}: ${output}`;
    this.#deps.events.container(record.pod, probed.container.name, { type: 'Warning', reason: 'Unhealthy', message });
  }

  /** Whether the probe goes on. */
  #apply({ record, probed, kind, probe, signal }: ProbeLoop, verdict: 'success' | 'failure'): boolean {
    const health = record.health.get(probed.id);
    if (health === undefined) return false;
    const { name, readinessProbe } = probed.container;
    if (kind === 'readiness') {
      this.#set(record, probed.id, { ...health, isReady: verdict === 'success' });
      return true;
    }
    if (verdict === 'failure') {
      const message = `Container ${name} failed ${kind} probe, will be restarted`;
      const graceSeconds = probe.terminationGracePeriodSeconds;
      this.#set(record, probed.id, { ...health, isReady: false, verdict: { message, graceSeconds } });
      return false;
    }
    if (kind === 'liveness') return true;
    this.#set(record, probed.id, { ...health, isStarted: true, isReady: readinessProbe === undefined });
    this.#beginSteady(record, probed, signal);
    return false;
  }

  #set(record: PodRecord, id: string, health: ContainerHealth): void {
    const before = record.health.get(id);
    record.health.set(id, health);
    const isSame =
      before?.isReady === health.isReady && before.isStarted === health.isStarted && before.verdict === health.verdict;
    if (!isSame) this.#deps.onChange(record.uid);
  }
}

interface ProbeLoop {
  readonly record: PodRecord;
  readonly probed: Watched;
  readonly kind: Kind;
  readonly probe: Probe;
  readonly signal: AbortSignal;
}
