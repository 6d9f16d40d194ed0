import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { CompactedError, FutureRevisionError, type Write } from '../kvstore.ts';
import { openDatabase } from './database.ts';
import {
  type Answer,
  buffersOf,
  type FromWorker,
  type Item,
  packItems,
  type Request,
  type ToWorker,
  unpackWrites,
  type WorkerOptions,
} from './messages.ts';
import { type Change, RevisionLog } from './revision-log.ts';
import { describeDamage, explainFailure } from './store-errors.ts';

// The program of the database's thread. It imports only what can be bundled into one file with it.

/** Writes that share a transaction, so that no single one waits too long for the others. */
const GROUP_WRITES = 512;
const GROUP_BYTES = 16 * 1024 * 1024;
/** Small enough that a waiting write hardly notices the slice before it. */
const TRIM_SLICE = 200;
const EXPIRE_SLICE = 250;
const REPLAY_SLICE = 500;
const RETRY_MS = 5_000;
/** setTimeout fires at once beyond this. */
const LONGEST_TIMER_MS = 2_147_483_647;

const NOTHING: Item = { key: '', createRevision: 0, modRevision: 0, value: undefined };

/** Serves one database to the main thread: writes in groups, then reads, then a slice of housekeeping, and so on. */
class DatabaseThread {
  readonly #port: MessagePort;
  readonly #options: WorkerOptions;
  readonly #db: ReturnType<typeof openDatabase>;
  readonly #log: RevisionLog;
  /** Housework that failed is not tried again before this moment. */
  #restingUntil = 0;
  #cancelNext = () => {};

  constructor(port: MessagePort, options: WorkerOptions) {
    this.#port = port;
    this.#options = options;
    this.#db = openDatabase(options.path, options);
    try {
      this.#log = new RevisionLog(this.#db);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  serve(): void {
    const { revision, compactedRevision } = this.#log;
    this.#send({ type: 'ready', revision, compactedRevision });
    this.#port.on('message', (message: ToWorker) => this.#drain(message));
    this.#planHousework();
  }

  /** Takes every message that waits; up to a limit their writes become one transaction. */
  #drain(first: ToWorker): void {
    let message: ToWorker | undefined = first;
    while (message !== undefined) {
      const writes: Write[] = [];
      const requests: Request[] = [];
      let bytes = 0;
      let close = false;
      while (message !== undefined) {
        if (message.type === 'close') {
          close = true;
          break;
        }
        if (message.writes !== undefined) {
          writes.push(...unpackWrites(message.writes));
          bytes += message.writes.values.length;
        }
        requests.push(...message.requests);
        if (writes.length >= GROUP_WRITES || bytes >= GROUP_BYTES) break;
        message = this.#receive();
      }
      if (writes.length > 0) this.#commit(writes);
      for (const request of requests) this.#answer(request);
      if (close) return this.#close();
      // Here too, not only in idle moments, of which a busy store has none.
      this.#keepHouse();
      message = this.#receive();
    }
    this.#planHousework();
  }

  #receive(): ToWorker | undefined {
    return receiveMessageOnPort(this.#port)?.message;
  }

  #commit(writes: readonly Write[]): void {
    try {
      const done = this.#log.commit(writes);
      const outcomes = new Float64Array(done.length * 2);
      for (const [index, { ok, revision }] of done.entries()) {
        outcomes[index * 2] = ok ? 1 : 0;
        outcomes[index * 2 + 1] = revision;
      }
      const previous = packItems(
        done.map((outcome) => outcome.previous ?? NOTHING),
        { withKeys: false },
      );
      const transfer = [outcomes.buffer, ...buffersOf(previous)];
      this.#send({ type: 'committed', outcomes, previous, revision: this.#log.revision }, transfer);
    } catch (error) {
      this.#send({ type: 'rejected', count: writes.length, message: this.#explain('write', error) });
    }
  }

  #answer({ id, ...request }: Request): void {
    let answer: Answer;
    let transfer: ArrayBuffer[] = [];
    try {
      answer = this.#ask(request);
      if (answer.type === 'items') transfer = buffersOf(answer.items);
      if (answer.type === 'events') transfer = buffersOf(answer.events.current, answer.events.previous);
    } catch (error) {
      answer = this.#failure(request.type === 'compact' ? 'write' : 'read', error);
    }
    this.#send({ type: 'answer', id, answer }, transfer);
  }

  #ask(request: RequestBody): Answer {
    switch (request.type) {
      case 'get': {
        const item = this.#log.get(request.key);
        const items = packItems(item === undefined ? [] : [item], { withKeys: true });
        return { type: 'items', items, remaining: 0, revision: this.#log.revision };
      }
      case 'range': {
        const { items, remaining, revision } = this.#log.range(request.options);
        return { type: 'items', items: packItems(items, { withKeys: true }), remaining, revision };
      }
      case 'replay': {
        const { changes, throughRevision } = this.#log.replay({ ...request, limit: REPLAY_SLICE });
        return { type: 'events', events: packEvents(changes), throughRevision };
      }
      case 'compact': {
        this.#compact(request.revision);
        return { type: 'done' };
      }
    }
  }

  #compact(revision: number): void {
    this.#log.compact(revision);
    this.#send({ type: 'compacted', compactedRevision: this.#log.compactedRevision });
  }

  /** Does one slice of what is due. */
  #keepHouse(): void {
    const now = Date.now();
    if (now < this.#restingUntil) return;
    const log = this.#log;
    const { historyLimit } = this.#options;
    try {
      if (log.nextExpiryAt !== undefined && log.nextExpiryAt <= now) this.#expire();
      else if (log.isCheckpointDue) log.checkpoint();
      else if (log.isIndexDue) log.index();
      // A tenth more than necessary, so that it is not due again with the next write.
      else if (this.#isOverLimit()) this.#compact(log.revision - Math.floor(historyLimit * 0.9));
      else if (log.untrimmed > 0) log.trim(TRIM_SLICE);
    } catch (error) {
      this.#restingUntil = now + RETRY_MS;
      this.#send({ type: 'trouble', message: this.#explain('write', error) });
    }
  }

  #isOverLimit(): boolean {
    return this.#log.revision - this.#log.compactedRevision > this.#options.historyLimit;
  }

  /** Arranges for the next slice: as soon as no message waits if there is more to do, else when the next key expires. */
  #planHousework(): void {
    this.#cancelNext();
    const keepHouse = () => {
      this.#keepHouse();
      this.#planHousework();
    };
    const { isCheckpointDue, isIndexDue, untrimmed, nextExpiryAt = Number.POSITIVE_INFINITY } = this.#log;
    const isDue = isCheckpointDue || isIndexDue || untrimmed > 0 || this.#isOverLimit();
    const dueAt = Math.max(this.#restingUntil, isDue ? 0 : nextExpiryAt);
    const delayMs = dueAt - Date.now();
    if (dueAt === Number.POSITIVE_INFINITY) return;
    if (delayMs <= 0) {
      const next = setImmediate(keepHouse);
      this.#cancelNext = () => clearImmediate(next);
    } else {
      const next = setTimeout(keepHouse, Math.min(delayMs, LONGEST_TIMER_MS));
      this.#cancelNext = () => clearTimeout(next);
    }
  }

  #expire(): void {
    const changes = this.#log.expire(EXPIRE_SLICE);
    if (changes.length === 0) return;
    const events = packEvents(changes);
    const transfer = buffersOf(events.current, events.previous);
    this.#send({ type: 'expired', events, revision: this.#log.revision }, transfer);
  }

  #close(): void {
    this.#cancelNext();
    try {
      // Spares the next start reading it from history.
      this.#log.index();
    } catch (error) {
      this.#send({ type: 'trouble', message: this.#explain('write', error) });
    }
    // Copies the log back and removes it; should that fail, the next start does it.
    this.#db.close();
    this.#port.close();
  }

  #failure(action: 'read' | 'write', error: unknown): Answer {
    if (error instanceof CompactedError) return { type: 'compacted', compactedRevision: error.compactedRevision };
    if (error instanceof FutureRevisionError) {
      return { type: 'future', asked: error.asked, revision: error.revision };
    }
    return { type: 'error', message: this.#explain(action, error) };
  }

  #explain(action: 'read' | 'write', error: unknown): string {
    return explainFailure(action, this.#options.path, error, { damage: () => describeDamage(this.#db) });
  }

  #send(message: FromWorker, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }
}

type RequestBody = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never;

function packEvents(changes: readonly Change[]) {
  const previous = changes.map((change) => change.previous ?? NOTHING);
  const current = changes.map((change) => change.current);
  return { current: packItems(current, { withKeys: true }), previous: packItems(previous, { withKeys: false }) };
}

function main(): void {
  if (parentPort === null) throw new Error('The database thread must be started as a worker');
  const options: WorkerOptions = workerData;
  try {
    new DatabaseThread(parentPort, options).serve();
  } catch (error) {
    const unusable: FromWorker = { type: 'unusable', message: explainFailure('open', options.path, error) };
    parentPort.postMessage(unusable);
  }
}

main();
