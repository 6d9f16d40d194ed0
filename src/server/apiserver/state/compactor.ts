import type { Logger } from '#base/logger.ts';
import type { KvStore } from '#kvstore/kvstore.ts';

export interface CompactorOptions {
  readonly store: Pick<KvStore, 'compact' | 'compactedRevision'>;
  /** The newest revision. */
  readonly revision: () => number;
  readonly log: Logger;
  /** How long history can be asked for, at least. */
  readonly keepMs?: number;
  readonly everyMs?: number;
}

interface Mark {
  readonly revision: number;
  readonly at: number;
}

/** Forgets history that is old enough. Sets a timer only while there is history left to forget. */
export class Compactor {
  readonly #options: Required<CompactorOptions>;
  #marks: Mark[] = [];
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: CompactorOptions) {
    this.#options = { keepMs: 5 * 60_000, everyMs: 60_000, ...options };
  }

  /** To be called when the revision has moved. Cheap. */
  touch(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#mark();
    this.#timer = setTimeout(() => void this.#tick(), this.#options.everyMs);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #mark(): void {
    const revision = this.#options.revision();
    if (this.#marks.at(-1)?.revision !== revision) this.#marks.push({ revision, at: Date.now() });
  }

  async #tick(): Promise<void> {
    this.#mark();
    const limit = Date.now() - this.#options.keepMs;
    const old = this.#marks.filter(({ at }) => at <= limit);
    this.#marks = this.#marks.filter(({ at }) => at > limit);
    const target = old.at(-1)?.revision ?? 0;
    if (target > this.#options.store.compactedRevision) {
      try {
        await this.#options.store.compact(target);
      } catch (err) {
        this.#options.log.warn({ err, revision: target }, 'compaction failed');
      }
    }
    this.#timer = undefined;
    // The newest mark stays until it is old enough, so that the last changes before a quiet time are forgotten too.
    if (this.#marks.length > 0 && !this.#stopped) {
      this.#timer = setTimeout(() => void this.#tick(), this.#options.everyMs);
      this.#timer.unref();
    }
  }
}
