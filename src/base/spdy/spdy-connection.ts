import type { Duplex } from 'node:stream';
import {
  controlFrame,
  dataHeader,
  FLAG_FIN,
  FRAME,
  type Frame,
  FrameReader,
  MAX_DATA_BYTES,
  numbers,
  RESET,
} from './frame.ts';
import { HeaderReader, HeaderWriter } from './header-block.ts';
import { SpdyStream, type StreamTransport } from './spdy-stream.ts';

export interface SpdyConnectionOptions {
  /** Called for each stream the peer opens; destroying it there refuses it, else it is accepted. */
  onStream: (stream: SpdyStream) => void;
  /** The connection is over and all its streams are destroyed; with the reason, if it was not the peer's or our wish. */
  onClose?: (error?: Error) => void;
}

/** How long the peer may take to hang up after `close`. */
const LINGER_MS = 2000;
const MAX_STREAMS = 4096;

/**
 * The server's side of SPDY/3.1, as far as Kubernetes clients use it: streams that the peer opens, resets, pings, goodbye.
 * WINDOW_UPDATE is neither sent nor waited for, since those clients do not know it; the transport's own back-pressure counts.
 */
export class SpdyConnection {
  readonly #transport: Duplex;
  readonly #options: SpdyConnectionOptions;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #full = new Set<number>();
  readonly #frames = new FrameReader();
  readonly #headerReader = new HeaderReader();
  readonly #headerWriter = new HeaderWriter();
  readonly #streamTransport: StreamTransport;
  #lastStreamId = 0;
  #resume: (() => void) | undefined;
  #waitingWrites: ((error?: Error) => void)[] = [];
  #isClosing = false;
  #hasClosed = false;

  /** Reads from `transport` at once. */
  constructor(transport: Duplex, options: SpdyConnectionOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#streamTransport = {
      sendData: (id, chunk, callback) => this.#sendData(id, chunk, callback),
      sendEnd: (id, callback) => this.#send([dataHeader(id, 0, FLAG_FIN)], callback),
      sendReset: (id) => this.#send([controlFrame(FRAME.rstStream, numbers(id, RESET.cancel))]),
      onDrained: (id) => this.#onDrained(id),
      onClosed: (id) => this.#streams.delete(id),
    };
    transport.on('drain', () => this.#flushWaiting());
    transport.on('error', () => {});
    transport.once('close', () => this.#finish());
    void this.#run();
  }

  /** Says goodbye once everything written has been sent, and hangs up when the peer does, or soon after. */
  close(): void {
    if (this.#isClosing || this.#hasClosed) return;
    this.#isClosing = true;
    this.#send([controlFrame(FRAME.goAway, numbers(this.#lastStreamId, 0))]);
    this.#transport.end();
    const timer = setTimeout(() => this.#transport.destroy(), LINGER_MS);
    this.#transport.once('close', () => clearTimeout(timer));
  }

  destroy(): void {
    this.#transport.destroy();
    this.#finish();
  }

  async #run(): Promise<void> {
    try {
      for await (const chunk of this.#transport) {
        // After the goodbye, what still comes is only read so that the peer gets ours.
        if (this.#isClosing) continue;
        for (const frame of this.#frames.read(chunk)) await this.#onFrame(frame);
      }
      this.#transport.destroy();
      this.#finish();
    } catch (error) {
      // Iterating destroys the transport; then the loop was not what failed.
      const isOurs = !this.#hasClosed && !this.#isClosing && !isPrematureClose(error);
      this.#transport.destroy();
      this.#finish(isOurs ? (error as Error) : undefined);
    }
  }

  async #onFrame(frame: Frame): Promise<void> {
    if (frame.kind === 'data') return this.#onData(frame);
    const { type, flags, payload } = frame;
    switch (type) {
      case FRAME.synStream:
        return this.#onSynStream(flags, payload);
      case FRAME.rstStream:
        this.#streams.get(payload.readUInt32BE(0) & 0x7fffffff)?.receiveReset();
        return;
      case FRAME.ping:
        // Even numbers are ours, and we never ask.
        if ((payload.readUInt32BE(0) & 1) === 1) this.#send([controlFrame(FRAME.ping, payload)]);
        return;
      default:
        // GOAWAY announces no more streams, SETTINGS and WINDOW_UPDATE change nothing here.
        return;
    }
  }

  async #onSynStream(flags: number, payload: Buffer): Promise<void> {
    const id = payload.readUInt32BE(0) & 0x7fffffff;
    // Even of a stream that will be refused: the next block is compressed against this one.
    const headers = await this.#headerReader.read(payload.subarray(10));
    if (id % 2 === 0 || id <= this.#lastStreamId) throw new RangeError(`SPDY stream ${id} is out of order`);
    this.#lastStreamId = id;
    if (this.#streams.size >= MAX_STREAMS) {
      this.#send([controlFrame(FRAME.rstStream, numbers(id, RESET.refused))]);
      return;
    }
    const stream = new SpdyStream(id, headers, this.#streamTransport);
    stream.on('error', () => {});
    this.#streams.set(id, stream);
    this.#options.onStream(stream);
    if (stream.destroyed) return;
    this.#send([controlFrame(FRAME.synReply, Buffer.concat([numbers(id), this.#headerWriter.write({})]))]);
    if ((flags & FLAG_FIN) !== 0) stream.receiveEnd();
  }

  async #onData({ streamId, flags, payload }: Frame & { kind: 'data' }): Promise<void> {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const hasRoom = payload.length === 0 || stream.receive(payload);
    if ((flags & FLAG_FIN) !== 0) stream.receiveEnd();
    if (hasRoom || stream.destroyed) return;
    this.#full.add(streamId);
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
  }

  #onDrained(id: number): void {
    if (!this.#full.delete(id) || this.#full.size > 0) return;
    this.#resume?.();
    this.#resume = undefined;
  }

  #sendData(id: number, chunk: Buffer, callback: (error?: Error | null) => void): void {
    for (let offset = 0; offset < chunk.length; offset += MAX_DATA_BYTES) {
      const part = chunk.subarray(offset, offset + MAX_DATA_BYTES);
      const isLast = offset + MAX_DATA_BYTES >= chunk.length;
      this.#send([dataHeader(id, part.length), part], isLast ? callback : undefined);
    }
    if (chunk.length === 0) callback();
  }

  #send(parts: readonly Buffer[], callback?: (error?: Error | null) => void): void {
    if (this.#hasClosed || this.#transport.destroyed || this.#transport.writableEnded) {
      callback?.(new Error('The connection is closed'));
      return;
    }
    this.#transport.cork();
    for (const part of parts) this.#transport.write(part);
    this.#transport.uncork();
    if (callback === undefined) return;
    if (this.#transport.writableNeedDrain) this.#waitingWrites.push(callback);
    else callback();
  }

  #flushWaiting(error?: Error): void {
    for (const callback of this.#waitingWrites.splice(0)) callback(error);
  }

  #finish(error?: Error): void {
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.#flushWaiting(new Error('The connection is closed'));
    for (const stream of [...this.#streams.values()]) stream.receiveReset();
    this.#resume?.();
    this.#headerReader.close();
    this.#options.onClose?.(error);
  }
}

function isPrematureClose(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ERR_STREAM_DESTROYED', 'ABORT_ERR'].includes(code);
}
