import type { ServerResponse } from 'node:http';
import type { StatusError } from '#api/meta/errors.ts';
import type { Entry } from '../state/entry.ts';
import type { WatchEncoder, WatchForm } from './watch-encoder.ts';
import type { WatchBatch, WatchConsumer } from './watch-session.ts';

/** What may lie unsent for one receiver. */
const MAX_UNSENT_BYTES = 16 * 1024 * 1024;
const INITIAL_CHUNK_BYTES = 256 * 1024;

/** Writes a watch to an HTTP response whose head is out already. */
export class HttpWatchConsumer implements WatchConsumer {
  readonly #response: ServerResponse;
  readonly #encoder: WatchEncoder;
  readonly #form: WatchForm;
  /** Only the first table of a watch names its columns. */
  #needsColumns: boolean;

  constructor(response: ServerResponse, encoder: WatchEncoder, form: WatchForm) {
    this.#response = response;
    this.#encoder = encoder;
    this.#form = form;
    this.#needsColumns = form.form.as === 'table';
  }

  get isOverrun(): boolean {
    return this.#response.writableLength > MAX_UNSENT_BYTES;
  }

  async sendInitial(entries: readonly Entry[]): Promise<void> {
    let chunk: Buffer[] = [];
    let length = 0;
    for (const entry of entries) {
      const event = this.#encoder.encode('ADDED', entry, this.#form, { withColumns: this.#takeColumns() });
      chunk.push(event);
      length += event.length;
      if (length < INITIAL_CHUNK_BYTES) continue;
      if (!this.#response.write(Buffer.concat(chunk))) await this.#drained();
      if (this.#response.destroyed) return;
      chunk = [];
      length = 0;
    }
    if (length > 0) this.#response.write(Buffer.concat(chunk));
  }

  send(batch: WatchBatch): void {
    const [first, ...rest] = batch.events;
    if (first === undefined) return;
    if (!this.#takeColumns()) {
      this.#response.write(this.#encoder.batch(batch, this.#form));
      return;
    }
    this.#response.write(this.#encoder.encode(first.type, first.entry, this.#form, { withColumns: true }));
    for (const event of rest) this.#response.write(this.#encoder.event(event, this.#form));
  }

  bookmark(revision: number, options: { readonly initialEventsEnd: boolean }): void {
    this.#response.write(this.#encoder.bookmark(revision, this.#form, options));
  }

  error({ status }: StatusError): void {
    this.#response.write(this.#encoder.error(status, this.#form.form));
  }

  end({ isSlow }: { readonly isSlow: boolean }): void {
    if (isSlow) this.#response.destroy();
    else this.#response.end();
  }

  #takeColumns(): boolean {
    const needs = this.#needsColumns;
    this.#needsColumns = false;
    return needs;
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#response.off('drain', done).off('close', done);
        resolve();
      };
      this.#response.once('drain', done).once('close', done);
    });
  }
}
