import { sleep } from '#base/backoff.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';

export interface PatientStartOptions {
  readonly log: Logger;
  /** Called when it serves after all; not when the first try was enough. */
  readonly onLate: () => void;
  readonly retryMs?: number;
}

/**
 * A component that others can go without for a while: when its start fails, the process goes on and the start is tried again
 * until it succeeds or the component is stopped.
 */
export function patientStart(component: Component, { log, onLate, retryMs = 500 }: PatientStartOptions): Component {
  const stopped = new AbortController();
  let trying: Promise<void> = Promise.resolve();
  const keepTrying = async () => {
    for (let serves = false; !serves; ) {
      await sleep(retryMs, stopped.signal);
      serves = await component.start(stopped.signal).then(
        () => true,
        (err: unknown) => {
          log.debug({ err, part: component.name }, 'still cannot start');
          return false;
        },
      );
    }
    log.info({ part: component.name }, 'started after all');
    onLate();
  };
  return {
    name: component.name,
    async start(signal) {
      try {
        await component.start(signal);
      } catch (err) {
        signal.throwIfAborted();
        log.warn({ err, part: component.name }, 'cannot start yet, going on without');
        // Rejects only when stopped.
        trying = keepTrying().catch(() => {});
      }
    },
    async stop() {
      stopped.abort(new Error(`${component.name} stopped`));
      await trying;
      await component.stop();
    },
  };
}
