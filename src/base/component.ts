/** A long-lived part of the process. It is built idle and never starts itself. */
export interface Component {
  readonly name: string;
  /** Resolves once the component serves. `signal` cancels the start, not the run. Throwing ends the process's start. */
  start(signal: AbortSignal): Promise<void>;
  /** Allowed in any state, any number of times. Resolves once nothing of the component runs any more. */
  stop(): Promise<void>;
}

/** Starts components in order and stops them in reverse; a failed start stops what had started. */
export class Lifecycle {
  readonly #components: readonly Component[];
  readonly #started: Component[] = [];

  constructor(components: readonly Component[]) {
    this.#components = components;
  }

  async start(signal: AbortSignal): Promise<void> {
    try {
      for (const component of this.#components) {
        signal.throwIfAborted();
        this.#started.push(component);
        await component.start(signal);
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Stops every started component, last first; one that fails to stop does not keep the others running. */
  async stop(): Promise<void> {
    const failures: unknown[] = [];
    for (let component = this.#started.pop(); component !== undefined; component = this.#started.pop()) {
      try {
        await component.stop();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Some components did not stop cleanly');
  }
}
