import { readFile } from 'node:fs/promises';
import { hostname as nodeHostname } from 'node:os';
import { join, normalize } from 'node:path';
import type { ContainerRuntime, Mount } from '#agent/runtime/container-runtime.ts';
import { type Container, configMaps, type Pod, secrets } from '#api/core/v1.ts';
import type { ClusterObjects } from '../cluster-objects.ts';
import type { ImageManager } from '../images/image-manager.ts';
import type { KubeletConfig } from '../kubelet-config.ts';
import { PodError, type PodHook, type PreparedVolume } from '../pod-hook.ts';
import { podIdentity } from '../pod-names.ts';
import { containerSpec, pidMode } from '../spec/container-spec.ts';
import type { DownwardFacts } from '../spec/downward.ts';
import { type EnvContext, environment, envReferences } from '../spec/env.ts';
import { podHostname } from '../spec/hostname.ts';
import { managesPath, type PlannedMount, planMounts } from '../spec/mounts.ts';
import { messageMount, podFileMounts, podPaths } from '../spec/pod-files.ts';
import { seccompProfileOf } from '../spec/security.ts';
import { serviceVariables } from '../spec/service-env.ts';
import type { SubPaths } from '../volumes/sub-paths.ts';
import type { PodRecord } from './pod-table.ts';

export interface ContainerStarterDeps {
  readonly runtime: ContainerRuntime;
  readonly images: ImageManager;
  readonly objects: ClusterObjects;
  readonly hooks: readonly PodHook[];
  readonly subPaths: SubPaths;
  readonly config: KubeletConfig;
  readonly podsDir: string;
  readonly node: NodeFacts;
}

/** What pods learn of their node; changes while the agent runs. */
export interface NodeFacts {
  nodeIps(): readonly string[];
  memoryBytes(): number;
  allocatable(): Readonly<Record<string, string>>;
}

export interface StartedContainer {
  readonly id: string;
  readonly warnings: readonly string[];
}

/** Turns one container of a pod into a running one: image, volumes, environment, then the engine. */
export class ContainerStarter {
  readonly #deps: ContainerStarterDeps;

  constructor(deps: ContainerStarterDeps) {
    this.#deps = deps;
  }

  /** Runs every hook; the volumes of the pod by name. */
  async prepare(pod: Pod, signal: AbortSignal): Promise<Map<string, PreparedVolume>> {
    const volumes = new Map<string, PreparedVolume>();
    for (const hook of this.#deps.hooks) {
      const inputs = await hook.prepare?.(pod, signal);
      for (const [name, volume] of inputs?.volumes ?? []) volumes.set(name, volume);
    }
    return volumes;
  }

  /** Throws PodError where the pod is at fault, RuntimeError where the engine refused. `onCreated` comes before the start. */
  async start(
    record: PodRecord,
    container: Container,
    options: { attempt: number; sandboxId: string; onCreated: (id: string) => void },
    signal: AbortSignal,
  ): Promise<StartedContainer> {
    const { runtime, images, config, podsDir, node } = this.#deps;
    const { pod } = record;
    const volumes = await this.prepare(pod, signal);
    const image = await images.ensure(pod, container, signal);
    const context = await this.#context(record, container, signal);
    const mounts = await this.#mounts(record, container, { volumes, context });
    const spec = containerSpec({
      ...context,
      ...options,
      container,
      image,
      mounts,
      pid: pidMode(pod),
      seccompProfile: await this.#seccomp(pod, container),
      memoryBytes: node.memoryBytes(),
      cgroupParent: undefined,
      log: { maxSizeBytes: config.logMaxSizeBytes, maxFiles: config.logMaxFiles },
    });
    const paths = podPaths(podsDir, record.uid);
    const message = managesPath(container, container.terminationMessagePath ?? '/dev/termination-log')
      ? [await messageMount(paths, container, options.attempt)]
      : [];
    return runtime.createContainer({ ...spec, mounts: [...spec.mounts, ...message] }, signal, options.onCreated);
  }

  async #context({ pod, ip }: PodRecord, container: Container, signal: AbortSignal): Promise<EnvContext> {
    const { objects, config, node } = this.#deps;
    const { namespace } = podIdentity(pod);
    const references = envReferences(container);
    const nodeIps = node.nodeIps();
    const facts: DownwardFacts = {
      nodeName: config.nodeName,
      nodeIps,
      podIps: pod.spec.hostNetwork ? nodeIps : ip === undefined ? [] : [ip],
      allocatable: node.allocatable(),
    };
    return {
      pod,
      facts,
      configMaps: await objects.named(configMaps, { namespace, names: references.configMaps }, signal),
      secrets: await objects.named(secrets, { namespace, names: references.secrets }, signal),
      services: serviceVariables(objects.services(), {
        namespace,
        enableServiceLinks: pod.spec.enableServiceLinks ?? true,
      }),
      hostname: pod.spec.hostNetwork ? nodeHostname() : podHostname(pod, config).hostname,
    };
  }

  async #mounts(
    record: PodRecord,
    container: Container,
    { volumes, context }: { volumes: ReadonlyMap<string, PreparedVolume>; context: EnvContext },
  ): Promise<Mount[]> {
    const variables = environment(container, context);
    const planned = planMounts(container, { volumes, variables });
    const own = podFileMounts(container, podPaths(this.#deps.podsDir, record.uid));
    const mounts = planned.map((mount, index) => this.#resolve(record, container, { mount, index }));
    return [...(await Promise.all(mounts)), ...own];
  }

  async #resolve(
    record: PodRecord,
    container: Container,
    { mount: { mount, subPath }, index }: { mount: PlannedMount; index: number },
  ): Promise<Mount> {
    if (subPath === undefined) return mount;
    const source = await this.#deps.subPaths.bind({
      podUid: record.uid,
      container: container.name,
      index,
      volumePath: mount.source,
      subPath,
    });
    return { ...mount, source };
  }

  async #seccomp(pod: Pod, container: Container): Promise<string | undefined> {
    const profile = seccompProfileOf(pod, container);
    if (profile?.type !== 'Localhost') return undefined;
    const name = profile.localhostProfile ?? '';
    const path = join(this.#deps.config.seccompDir, name);
    try {
      if (normalize(name).startsWith('..') || name.startsWith('/'))
        throw new Error('it lies outside the profiles folder');
      return await readFile(path, 'utf8');
    } catch (error) {
      throw new PodError('CreateContainerConfigError', `Cannot load seccomp profile "${name}"`, { cause: error });
    }
  }
}
