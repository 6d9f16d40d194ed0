import { resolve as resolvePath } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Logger } from '#base/logger.ts';
import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type KvStore,
  type RangeOptions,
  type RangeResult,
  StoreError,
  type StoreEvent,
  type StoreListener,
  type Write,
  type WriteResult,
} from '../kvstore.ts';
import { ListenerSet } from '../listener-set.ts';
import {
  type Answer,
  at,
  type FromWorker,
  isTombstone,
  type PackedEvents,
  packWrites,
  type Request,
  type ToWorker,
  unpackItems,
  type WorkerOptions,
} from './messages.ts';

export interface SqliteKvStoreOptions {
  /** The database file; its folder is made if it is missing. */
  path: string;
  log: Logger;
  /** The bundled program of the database's thread, where `sqlite-worker.ts` does not exist as a file. */
  workerSource?: string;
  /** Path of better-sqlite3's compiled addon, where the library cannot find its own. */
  nativeBinding?: string;
  /** Revisions to keep when nobody compacts; the store compacts by itself beyond. */
  historyLimit?: number;
  /** Called once if the database's thread dies; the store then refuses everything and should be replaced. */
  onFailure?: (error: StoreError) => void;
}

interface PendingWrite {
  write: Write;
  resolve: (result: WriteResult) => void;
  reject: (error: Error) => void;
}

interface PendingRequest {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

type State = 'idle' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** One message carries at most so much, so that a flood of writes still commits in groups of bearable size. */
const MESSAGE_WRITES = 512;
const MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * The store in one SQLite file. All work on the file happens on a thread of its own:
 *
 *   write() ─┐                       one message                     one transaction
 *   write() ─┼─ end of the turn ───────────────────► drain messages ──────────────────► disk
 *   get()   ─┘                                             │
 *   listeners, then promises ◄── results, in order ────────┘
 */
export class SqliteKvStore implements KvStore {
  readonly name = 'kvstore';
  readonly #options: SqliteKvStoreOptions;
  readonly #path: string;
  readonly #listeners: ListenerSet;
  #state: State = 'idle';
  #failure: StoreError | undefined;
  #worker: Worker | undefined;
  #exited: Promise<unknown> = Promise.resolve();
  #onStarted: { resolve: () => void; reject: (error: Error) => void } | undefined;
  #revision = 0;
  #compacted = 0;
  #queuedWrites: PendingWrite[] = [];
  #queuedRequests: Request[] = [];
  #flushing: NodeJS.Immediate | undefined;
  readonly #inFlight: PendingWrite[] = [];
  readonly #requests = new Map<number, PendingRequest>();
  #lastRequestId = 0;

  constructor(options: SqliteKvStoreOptions) {
    this.#options = options;
    this.#path = resolvePath(options.path);
    this.#listeners = new ListenerSet((err) => options.log.error({ err }, 'store listener failed'));
  }

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#state !== 'idle') throw new StoreError(`Cannot open the database "${this.#path}": it was opened before`);
    this.#state = 'starting';
    const worker = this.#spawn();
    const onAbort = () => this.#fail(new StoreError('The start of the store was cancelled', { cause: signal.reason }));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        this.#onStarted = { resolve, reject };
      });
    } catch (error) {
      await worker.terminate();
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async stop(): Promise<void> {
    if (this.#state === 'idle') this.#state = 'stopped';
    if (this.#state === 'starting') {
      this.#fail(new StoreError('The store was stopped'));
      await this.#worker?.terminate();
    }
    if (this.#state === 'running') {
      this.#flush();
      this.#state = 'stopping';
      this.#post({ type: 'close' });
    }
    await this.#exited;
    if (this.#state === 'stopping') this.#state = 'stopped';
    this.#listeners.clear();
  }

  write(write: Write): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#requireRunning();
      this.#queuedWrites.push({ write, resolve, reject });
      this.#scheduleFlush();
    });
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const answer = await this.#request({ type: 'get', key });
    return unpackItems(requireType(answer, 'items').items, { copy: true })[0];
  }

  async range(options: RangeOptions): Promise<RangeResult> {
    const { prefix, start } = options;
    if (start !== undefined && !start.startsWith(prefix)) {
      throw new RangeError(`Cannot list keys with prefix "${prefix}" from "${start}": the start lacks the prefix`);
    }
    const answer = await this.#request({ type: 'range', options });
    const { items, remaining, revision } = requireType(answer, 'items');
    return { items: unpackItems(items, { copy: true }).filter((item) => item !== undefined), remaining, revision };
  }

  async watch({ prefix, afterRevision }: { prefix: string; afterRevision: number }, listener: StoreListener) {
    this.#requireRunning();
    let through = afterRevision;
    // Answers and commits come through one port in the order in which they happened, so once a replay reaches the revision
    // that this thread has seen, the next event is the next one to come.
    while (through !== this.#revision) {
      const answer = await this.#request({ type: 'replay', prefix, afterRevision: through });
      const { events, throughRevision } = requireType(answer, 'events');
      const replayed = unpackEvents(events, { copy: true });
      if (replayed.length > 0) this.#listeners.deliver(listener, replayed);
      through = throughRevision;
    }
    return this.#listeners.add(prefix, listener);
  }

  async compact(revision: number): Promise<void> {
    requireType(await this.#request({ type: 'compact', revision }), 'done');
  }

  #spawn(): Worker {
    const { workerSource, nativeBinding, historyLimit = 100_000 } = this.#options;
    const workerData: WorkerOptions = { path: this.#path, historyLimit, ...(nativeBinding && { nativeBinding }) };
    // Its objects are short-lived; a larger nursery would only hold more dead ones (35 MB under load), and be no faster.
    const resourceLimits = { maxYoungGenerationSizeMb: 4 };
    const common = { name: 'kvstore', workerData, execArgv: [], resourceLimits };
    const worker =
      workerSource === undefined
        ? new Worker(new URL('./sqlite-worker.ts', import.meta.url), common)
        : new Worker(workerSource, { ...common, eval: true });
    this.#worker = worker;
    this.#exited = new Promise((resolve) => worker.once('exit', resolve));
    worker.on('message', (message: FromWorker) => this.#receive(message));
    worker.on('error', (cause) =>
      this.#fail(new StoreError(`The thread of the database "${this.#path}" failed`, { cause })),
    );
    worker.on('exit', () => {
      if (this.#state !== 'stopping') this.#fail(new StoreError(`The thread of the database "${this.#path}" ended`));
    });
    return worker;
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        this.#revision = message.revision;
        this.#compacted = message.compactedRevision;
        if (this.#state === 'starting') this.#state = 'running';
        return this.#onStarted?.resolve();
      case 'unusable':
        return this.#fail(new StoreError(message.message));
      case 'committed':
        return this.#onCommitted(message);
      case 'rejected': {
        const error = new StoreError(message.message);
        for (const { reject } of this.#inFlight.splice(0, message.count)) reject(error);
        return;
      }
      case 'expired':
        return this.#publish(unpackEvents(message.events, { copy: false }), message.revision);
      case 'compacted':
        this.#compacted = message.compactedRevision;
        return;
      case 'trouble':
        return this.#options.log.warn({ reason: message.message }, 'store housekeeping failed');
      case 'answer': {
        const pending = this.#requests.get(message.id);
        this.#requests.delete(message.id);
        return pending?.resolve(message.answer);
      }
    }
  }

  #onCommitted({ outcomes, previous, revision }: Extract<FromWorker, { type: 'committed' }>): void {
    const done = this.#inFlight.splice(0, outcomes.length / 2);
    const keys = done.map(({ write }) => write.key);
    const found = unpackItems(previous, { keys, copy: false });
    const events: StoreEvent[] = [];
    const results = done.map(({ write }, index): WriteResult => {
      const before = found[index];
      if (at(outcomes, index * 2) === 0) return { ok: false, current: before };
      const revision = at(outcomes, index * 2 + 1);
      const event = toEvent(write, revision, before);
      if (event !== undefined) events.push(event);
      return { ok: true, revision, ...(before && { previous: before }) };
    });
    this.#publish(events, revision);
    for (const [index, { resolve }] of done.entries()) {
      const result = results[index];
      if (result !== undefined) resolve(result);
    }
  }

  #publish(events: readonly StoreEvent[], revision: number): void {
    this.#revision = revision;
    if (events.length > 0) this.#listeners.publish(events);
  }

  async #request(request: Omit<Request, 'id'> & Record<string, unknown>): Promise<Answer> {
    this.#requireRunning();
    const id = ++this.#lastRequestId;
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#requests.set(id, { resolve, reject });
      this.#queuedRequests.push({ ...request, id } as Request);
      this.#scheduleFlush();
    });
    if (answer.type === 'compacted') throw new CompactedError(answer.compactedRevision);
    if (answer.type === 'future') throw new FutureRevisionError(answer.asked, answer.revision);
    if (answer.type === 'error') throw new StoreError(answer.message);
    return answer;
  }

  #scheduleFlush(): void {
    this.#flushing ??= setImmediate(() => this.#flush());
  }

  /** Sends what has been asked for in this turn. */
  #flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    for (const group of takeGroups(this.#queuedWrites.splice(0))) {
      const { packed, transfer } = packWrites(group.map(({ write }) => write));
      for (const pending of group) this.#inFlight.push(pending);
      this.#post({ type: 'turn', writes: packed, requests: [] }, transfer);
    }
    const requests = this.#queuedRequests.splice(0);
    if (requests.length > 0) this.#post({ type: 'turn', writes: undefined, requests });
  }

  #post(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(message, transfer);
  }

  #requireRunning(): void {
    if (this.#state === 'running') return;
    throw (
      this.#failure ?? new StoreError(this.#state === 'idle' ? 'The store was not started' : 'The store was stopped')
    );
  }

  /** The end: nothing that waits will be answered. */
  #fail(error: StoreError): void {
    if (this.#state === 'failed' || this.#state === 'stopped') return;
    const wasRunning = this.#state === 'running' || this.#state === 'stopping';
    this.#state = 'failed';
    this.#failure = error;
    this.#onStarted?.reject(error);
    for (const { reject } of [...this.#inFlight.splice(0), ...this.#queuedWrites.splice(0)]) reject(error);
    for (const { reject } of this.#requests.values()) reject(error);
    this.#requests.clear();
    this.#queuedRequests = [];
    if (wasRunning) this.#options.onFailure?.(error);
  }
}

function* takeGroups(writes: readonly PendingWrite[]): Iterable<PendingWrite[]> {
  let group: PendingWrite[] = [];
  let bytes = 0;
  for (const pending of writes) {
    group.push(pending);
    bytes += pending.write.type === 'put' ? pending.write.value.length : 0;
    if (group.length < MESSAGE_WRITES && bytes < MESSAGE_BYTES) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

function toEvent(write: Write, revision: number, previous: KeyValue | undefined): StoreEvent | undefined {
  if (write.type === 'put') {
    const { key, value } = write;
    const current = { key, value, createRevision: previous?.createRevision ?? revision, modRevision: revision };
    return { type: 'put', current, ...(previous && { previous }) };
  }
  if (previous === undefined) return undefined;
  return { type: 'delete', current: { ...previous, modRevision: revision }, previous };
}

function unpackEvents(events: PackedEvents, { copy }: { copy: boolean }): StoreEvent[] {
  const current = unpackItems(events.current, { copy });
  const previous = unpackItems(events.previous, { keys: events.current.keys, copy });
  return current.flatMap((now, index): StoreEvent[] => {
    const before = previous[index];
    if (now === undefined) return [];
    if (!isTombstone(events.current, index))
      return [{ type: 'put', current: now, ...(before && { previous: before }) }];
    if (before === undefined) return [];
    return [{ type: 'delete', current: { ...now, value: before.value }, previous: before }];
  });
}

function requireType<Type extends Answer['type']>(answer: Answer, type: Type): Extract<Answer, { type: Type }> {
  if (answer.type !== type)
    throw new StoreError(`The database's thread answered "${answer.type}" instead of "${type}"`);
  return answer as Extract<Answer, { type: Type }>;
}
