import { isConflict, isForbidden, isNotFound, StatusError } from '#api/meta/errors.ts';
import { keyString, type ObjectKey } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { Cache } from '#client/cache.ts';
import type { Controller } from './controller.ts';

export interface ControllerManagerOptions {
  readonly controllers: readonly Controller[];
  readonly cache: Cache;
  readonly log: Logger;
}

/** Runs controllers: one queue each, fed by the cache's changes. */
export class ControllerManager implements Component {
  readonly name = 'controllers';
  readonly #options: ControllerManagerOptions;
  #stops: (() => void)[] = [];
  #queues: WorkQueue[] = [];

  constructor(options: ControllerManagerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    for (const controller of this.#options.controllers) this.#run(controller);
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    await Promise.all(this.#queues.splice(0).map((queue) => queue.stop()));
  }

  #run(controller: Controller): void {
    const { cache } = this.#options;
    const log = this.#options.log.child({ controller: controller.name });
    const queue = new WorkQueue({
      concurrency: controller.concurrency ?? 4,
      backoff: { initialMs: 20, maxMs: 60_000 },
      process: async (key, signal) => {
        const objectKey = parseKey(key);
        const result = await controller.reconcile(objectKey, { log: log.child(objectKey), signal });
        return result?.requeueAfterMs;
      },
      onError: (key, error, failures) => report(log.child(parseKey(key)), error, failures),
    });
    this.#queues.push(queue);
    const enqueue = (key: ObjectKey) => queue.add(keyString(key));
    this.#stops.push(cache.onChange(controller.primary, ({ object }) => enqueue(object.metadata)));
    for (const owned of controller.owns ?? []) {
      this.#stops.push(
        cache.onChange(owned, (event) => {
          enqueueOwner(controller, event.object, enqueue);
          if (event.type === 'MODIFIED') enqueueOwner(controller, event.previous, enqueue);
        }),
      );
    }
    for (const { ref, keys } of controller.watches ?? []) {
      this.#stops.push(
        cache.onChange(ref, (event) => {
          for (const key of keys(event.object, event.type === 'MODIFIED' ? event.previous : undefined)) enqueue(key);
        }),
      );
    }
  }
}

function enqueueOwner({ primary }: Controller, { metadata }: ApiObject, enqueue: (key: ObjectKey) => void): void {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined || owner.kind !== primary.kind) return;
  if (owner.apiVersion.split('/')[0] !== (primary.group === '' ? 'v1' : primary.group)) return;
  enqueue({ name: owner.name, namespace: primary.namespaced ? metadata.namespace : undefined });
}

function parseKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

function report(log: Logger, error: unknown, failures: number): void {
  // Somebody else was faster, or the namespace is going: the next try sees the new state.
  if (isConflict(error) || isNotFound(error)) log.debug({ err: error, failures }, 'reconcile will be repeated');
  else if (error instanceof StatusError && error.code === 422)
    log.error({ err: error, failures }, 'own write was refused');
  else if (isForbidden(error)) log.info({ reason: (error as Error).message, failures }, 'reconcile was forbidden');
  else log.warn({ err: error, failures }, 'reconcile failed');
}
