import { rm } from 'node:fs/promises';
import type { PodNetwork } from '#agent/network/pod-network.ts';
import { type ContainerRuntime, RuntimeError, type SandboxSpec } from '#agent/runtime/container-runtime.ts';
import { type Container, type Pod, pods } from '#api/core/v1.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Logger } from '#base/logger.ts';
import type { Client } from '#client/client.ts';
import { runLifecycleHook } from '../hooks/lifecycle.ts';
import type { KubeletConfig } from '../kubelet-config.ts';
import type { LogLinks } from '../logs/log-links.ts';
import type { PodEvents } from '../pod-events.ts';
import { errorText, PodError, type PodHook } from '../pod-hook.ts';
import { engineName, podIdentity, sandboxLabels } from '../pod-names.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import { podHostname } from '../spec/hostname.ts';
import { hostPortsOf } from '../spec/mounts.ts';
import { podPaths, writePodFiles } from '../spec/pod-files.ts';
import type { DnsSettings } from '../spec/resolv-conf.ts';
import type { ContainerStarter, NodeFacts } from './container-starter.ts';
import { afterRestart, retryDelayMs } from './crash-backoff.ts';
import type { Executors, PodActions } from './pod-actions.ts';
import type { PodRecord, PodTable } from './pod-table.ts';
import { containersOf, latestOf, runningSandbox, type Waiting } from './pod-view.ts';
import type { RuntimeMirror } from './runtime-mirror.ts';

export interface PodExecutorDeps {
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly mirror: RuntimeMirror;
  readonly network: PodNetwork;
  readonly table: PodTable;
  readonly starter: ContainerStarter;
  readonly probes: ProbeManager;
  readonly hooks: readonly PodHook[];
  readonly events: PodEvents;
  readonly logLinks: LogLinks;
  readonly config: KubeletConfig;
  readonly dns: () => Promise<DnsSettings>;
  readonly node: NodeFacts;
  readonly podsDir: string;
  /** Where hooks and probes reach the pod. */
  readonly addressOf: (record: PodRecord) => string;
  /** Resolves once pods can be given an address. */
  readonly networkReady: (signal: AbortSignal) => Promise<void>;
  /** Sends the pod's status now. */
  readonly reportStatus: (podUid: string, signal: AbortSignal) => Promise<void>;
  /** Called once nothing is left of the pod. */
  readonly onForgotten: (podUid: string) => void;
  readonly log: Logger;
}

/** The effects of a pod's actions, for one pod. */
export function podExecutors(record: PodRecord, deps: PodExecutorDeps): Executors {
  const run = new PodExecution(record, deps);
  return {
    createSandbox: (action, signal) => run.createSandbox(action, signal),
    startContainer: (action, signal) => run.startContainer(action, signal),
    killContainer: (action, signal) => run.killContainer(action, signal),
    removeContainer: ({ containerId }) => run.removeContainer(containerId),
    removeSandbox: ({ sandboxId }) => deps.mirror.removing(sandboxId, () => deps.runtime.removeContainer(sandboxId)),
    releaseNetwork: async () => {
      await deps.network.detach(record.uid);
      record.hasNetwork = false;
    },
    releaseVolumes: async () => {
      for (const hook of deps.hooks) await hook.release?.(record.uid);
      record.hasVolumes = false;
    },
    failPod: async ({ reason, message }) => {
      record.outcome = { phase: 'Failed', reason, message };
      deps.events.pod(record.pod, 'Normal', reason, message);
    },
    finishPod: (_, signal) => run.finishPod(signal),
    forgetPod: () => run.forgetPod(),
  };
}

/** Makes the pod's address known to the record; idempotent, also for pods of an earlier run of the agent. */
export async function attachNetwork(
  record: PodRecord,
  deps: PodExecutorDeps,
  namespacePath?: string,
): Promise<string | undefined> {
  if (record.pod.spec.hostNetwork === true) {
    record.hasNetwork = false;
    return undefined;
  }
  const hostPorts = hostPortsOf(record.pod);
  const attachment = await deps.network.attach(record.uid, {
    hostPorts,
    ...(namespacePath === undefined ? {} : { namespacePath }),
  });
  record.hasNetwork = true;
  record.ip = attachment.ip;
  return attachment.namespacePath;
}

/** Where an earlier sandbox's namespace is, for modes in which the engine made it. */
export function sandboxNamespace(mode: KubeletConfig['sandboxMode'], pid: number): string | undefined {
  return mode === 'pod' ? `/proc/${pid}/ns/net` : undefined;
}

class PodExecution {
  readonly #record: PodRecord;
  readonly #deps: PodExecutorDeps;

  constructor(record: PodRecord, deps: PodExecutorDeps) {
    this.#record = record;
    this.#deps = deps;
  }

  get #pod(): Pod {
    return this.#record.pod;
  }

  /** Volumes are made at the same time: neither needs the other. */
  async createSandbox({ attempt }: PodActions['createSandbox'], signal: AbortSignal): Promise<void> {
    this.#record.hasVolumes = true;
    const volumes = this.#deps.starter.prepare(this.#pod, signal);
    // Its failure is reported below, once the other part is done.
    volumes.catch(() => {});
    try {
      await this.#makeSandbox(attempt, signal);
    } catch (error) {
      if (signal.aborted || error instanceof PodError) throw error;
      const message = `Failed to create pod sandbox: ${errorText(error)}`;
      throw isUnavailable(error) ? error : new PodError('FailedCreatePodSandBox', message, { cause: error });
    }
    await volumes;
  }

  async #makeSandbox(attempt: number, signal: AbortSignal): Promise<void> {
    const { runtime, mirror, config, events } = this.#deps;
    const pod = this.#pod;
    if (attempt > 0)
      events.pod(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.');
    const hostname = podHostname(pod, config);
    const isHost = pod.spec.hostNetwork === true;
    if (!isHost) await this.#deps.networkReady(signal);
    const path = isHost || config.sandboxMode === 'pod' ? undefined : await attachNetwork(this.#record, this.#deps);
    if (isHost) await attachNetwork(this.#record, this.#deps);
    const network: SandboxSpec['network'] = isHost
      ? { mode: 'host' }
      : path === undefined
        ? { mode: 'pod' }
        : { mode: 'path', path };
    if (network.mode !== 'pod') await this.#writeFiles();
    const { id, warnings } = await runtime.createSandbox(
      sandboxSpec(pod, { attempt, hostname: hostname.hostname, network }),
      signal,
    );
    for (const warning of warnings) events.pod(pod, 'Warning', 'SandboxWarning', warning);
    await mirror.refresh(id, signal);
    if (network.mode === 'pod') {
      const sandbox = mirror.sandboxes(this.#record.uid).find((candidate) => candidate.id === id);
      await attachNetwork(this.#record, this.#deps, sandboxNamespace('pod', sandbox?.pid ?? 0));
      await this.#writeFiles();
    }
  }

  async #writeFiles(): Promise<void> {
    const { config, node, podsDir, dns } = this.#deps;
    const { pod, ip, uid } = this.#record;
    const ips = pod.spec.hostNetwork ? node.nodeIps() : ip === undefined ? [] : [ip];
    await writePodFiles(pod, podPaths(podsDir, uid), { hostname: podHostname(pod, config), ips, dns: await dns() });
  }

  async startContainer({ container: name, attempt }: PodActions['startContainer'], signal: AbortSignal): Promise<void> {
    const place = containersOf(this.#pod).find(({ container }) => container.name === name);
    const sandbox = runningSandbox({ sandboxes: this.#deps.mirror.sandboxes(this.#record.uid) });
    if (place === undefined || sandbox === undefined) return;
    const { container } = place;
    this.#noteRestart(name);
    let createdId: string | undefined;
    try {
      const onCreated = (id: string) => {
        createdId = id;
        this.#record.health.set(id, { isStarted: false, isReady: false });
      };
      const started = await this.#deps.starter.start(
        this.#record,
        container,
        { attempt, sandboxId: sandbox.id, onCreated },
        signal,
      );
      this.#say(name, 'Normal', 'Created', `Created container: ${name}`);
      this.#say(name, 'Normal', 'Started', `Started container ${name}`);
      for (const warning of started.warnings) this.#say(name, 'Warning', 'ContainerWarning', warning);
      this.#record.failures.delete(name);
      await this.#deps.mirror.refresh(started.id, signal);
      await this.#afterStart(container, started.id, signal);
    } catch (error) {
      if (signal.aborted || isUnavailable(error) || (error instanceof PodError && error.reason === 'FailedMount'))
        throw error;
      await this.#noteFailure(name, error, createdId);
    }
  }

  async #afterStart(container: Container, id: string, signal: AbortSignal): Promise<void> {
    const { mirror, logLinks, probes } = this.#deps;
    const view = mirror.containers(this.#record.uid).find((candidate) => candidate.id === id);
    if (view !== undefined) {
      const { name, attempt, logPath } = view;
      await logLinks.ensure({ pod: podIdentity(this.#pod), container: name, attempt, id, logPath });
    }
    const { postStart } = container.lifecycle ?? {};
    if (postStart !== undefined) {
      try {
        await runLifecycleHook(
          this.#deps.runtime,
          postStart,
          { containerId: id, container, podIp: this.#ip() },
          signal,
        );
      } catch (error) {
        if (signal.aborted) throw error;
        this.#deps.log.info({ err: error, container: container.name, podUid: this.#record.uid }, 'start hook failed');
        this.#say(container.name, 'Warning', 'FailedPostStartHook', 'PostStartHook failed');
        const verdict = { message: 'FailedPostStartHook' };
        this.#record.health.set(id, { isStarted: false, isReady: false, verdict });
        return;
      }
    }
    probes.watch(this.#record, { container, id, ip: this.#ip() });
  }

  /** A restart counts towards the back-off when it is tried, not when it works. */
  #noteRestart(name: string): void {
    const latest = latestOf({ containers: this.#deps.mirror.containers(this.#record.uid) }, name);
    if (latest?.status !== 'exited') return;
    const { restarts } = this.#record;
    const endedMs = Date.parse(latest.finishedAt ?? '') || Date.now();
    restarts.set(name, afterRestart(restarts.get(name), { endedMs, now: Date.now() }));
  }

  async #noteFailure(name: string, error: unknown, createdId: string | undefined): Promise<void> {
    const { failures } = this.#record;
    const waiting = waitingFor(error, createdId);
    const count = (failures.get(name)?.count ?? 0) + 1;
    const now = Date.now();
    this.#deps.log.info({ err: error, container: name, podUid: this.#record.uid, count }, 'cannot start container');
    // The image manager has told about its part.
    if (IMAGE_REASONS.has(waiting.reason)) this.#say(name, 'Warning', 'Failed', `Error: ${waiting.reason}`);
    else this.#say(name, 'Warning', 'Failed', `Error: ${waiting.message ?? waiting.reason}`);
    if (createdId !== undefined) await this.#deps.mirror.refresh(createdId);
    // A container that was made and ended is restarted like any other that ended.
    const isThere =
      createdId !== undefined && this.#deps.mirror.containers(this.#record.uid).some(({ id }) => id === createdId);
    const later = laterOf(waiting, this.#imageOf(name), now);
    // What the cluster lacks may come any moment; the rest takes its time.
    const delayMs = isThere ? 2000 : waiting.reason === 'CreateContainerConfigError' ? 10_000 : retryDelayMs(count);
    failures.set(name, {
      reason: waiting.reason,
      message: waiting.message ?? '',
      retryAtMs: now + delayMs,
      count,
      ...(later === undefined ? {} : { later }),
    });
  }

  #imageOf(name: string): string {
    return containersOf(this.#pod).find(({ container }) => container.name === name)?.container.image ?? '';
  }

  /** The stop hook runs within the grace period; what is left of that is for the process. */
  async killContainer(action: PodActions['killContainer'], signal: AbortSignal): Promise<void> {
    const { containerId: id, container: name, graceSeconds, message } = action;
    const { runtime, mirror, probes } = this.#deps;
    this.#say(name, 'Normal', 'Killing', message);
    const startedMs = Date.now();
    const place = containersOf(this.#pod).find(({ container }) => container.name === name);
    const { preStop } = place?.container.lifecycle ?? {};
    if (place !== undefined && preStop !== undefined && graceSeconds > 0) {
      await this.#runPreStop(place.container, id, { graceSeconds, signal });
    }
    const spentSeconds = Math.floor((Date.now() - startedMs) / 1000);
    // A hook that took it all leaves the process a moment, as upstream does.
    const leftSeconds = preStop === undefined ? graceSeconds : Math.max(2, graceSeconds - spentSeconds);
    await runtime.stopContainer(id, leftSeconds, signal);
    probes.forget(id);
    await mirror.refresh(id, signal);
  }

  async #runPreStop(
    container: Container,
    id: string,
    { graceSeconds, signal }: { graceSeconds: number; signal: AbortSignal },
  ): Promise<void> {
    const { preStop } = container.lifecycle ?? {};
    if (preStop === undefined) return;
    const timeout = AbortSignal.timeout(graceSeconds * 1000);
    try {
      const either = AbortSignal.any([signal, timeout]);
      await runLifecycleHook(this.#deps.runtime, preStop, { containerId: id, container, podIp: this.#ip() }, either);
    } catch (err) {
      if (signal.aborted) throw err;
      this.#deps.log.info({ err, container: container.name, podUid: this.#record.uid }, 'stop hook failed');
      this.#say(container.name, 'Warning', 'FailedPreStopHook', 'PreStopHook failed');
    }
  }

  async removeContainer(id: string): Promise<void> {
    const { runtime, mirror, logLinks } = this.#deps;
    const view = mirror.containers(this.#record.uid).find((candidate) => candidate.id === id);
    this.#record.health.delete(id);
    await mirror.removing(id, () => runtime.removeContainer(id));
    if (view === undefined) return;
    const { name, attempt, logPath } = view;
    await logLinks.remove({ pod: podIdentity(this.#pod), container: name, attempt, id, logPath });
  }

  /** The uid guards a pod of the same name that may have taken its place. */
  async finishPod(signal: AbortSignal): Promise<void> {
    const { client, reportStatus } = this.#deps;
    await reportStatus(this.#record.uid, signal);
    const { namespace, name } = podIdentity(this.#pod);
    try {
      await client.delete(
        pods,
        { namespace, name },
        { gracePeriodSeconds: 0, preconditions: { uid: this.#record.uid }, signal },
      );
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    this.#record.isFinished = true;
  }

  async forgetPod(): Promise<void> {
    const { mirror, table, probes, podsDir, logLinks } = this.#deps;
    const { uid } = this.#record;
    probes.forgetPod(this.#record);
    mirror.forgetPod(uid);
    await rm(podPaths(podsDir, uid).root, { recursive: true, force: true });
    await logLinks.removePod(podIdentity(this.#pod));
    table.delete(uid);
    this.#deps.onForgotten(uid);
  }

  #ip(): string {
    return this.#deps.addressOf(this.#record);
  }

  #say(container: string, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.events.container(this.#pod, container, { type, reason, message });
  }
}

const isUnavailable = (error: unknown) => error instanceof RuntimeError && error.code === 'unavailable';

const IMAGE_REASONS = new Set(['ErrImagePull', 'InvalidImageName', 'ErrImageNeverPull']);
const SHOWN_MS = 2000;

function waitingFor(error: unknown, createdId: string | undefined): Waiting {
  const message = errorText(error);
  if (error instanceof PodError) return { reason: error.reason, message };
  return { reason: createdId === undefined ? 'CreateContainerError' : 'RunContainerError', message };
}

function laterOf({ reason, message }: Waiting, image: string, now: number) {
  if (reason !== 'ErrImagePull') return undefined;
  const text = `Back-off pulling image "${image}": ErrImagePull: ${message ?? ''}`;
  return { reason: 'ImagePullBackOff', message: text, atMs: now + SHOWN_MS };
}

function sandboxSpec(
  pod: Pod,
  { attempt, hostname, network }: { attempt: number; hostname: string; network: SandboxSpec['network'] },
): SandboxSpec {
  const { hostPID, hostIPC, securityContext } = pod.spec;
  const sysctls = Object.fromEntries((securityContext?.sysctls ?? []).map(({ name, value }) => [name, value]));
  return {
    name: engineName(pod, 'POD', attempt),
    hostname,
    labels: sandboxLabels(pod, attempt),
    network,
    ...(hostPID ? { hostPid: true } : {}),
    ...(hostIPC ? { hostIpc: true } : {}),
    ...(Object.keys(sysctls).length > 0 ? { sysctls } : {}),
  };
}
