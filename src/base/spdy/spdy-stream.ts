import { Duplex } from 'node:stream';
import type { SpdyHeaders } from './header-block.ts';

/** What a stream needs of its connection. */
export interface StreamTransport {
  /** Calls back once the connection can take more. */
  sendData(streamId: number, chunk: Buffer, callback: (error?: Error | null) => void): void;
  sendEnd(streamId: number, callback: (error?: Error | null) => void): void;
  sendReset(streamId: number): void;
  /** The reader has caught up. */
  onDrained(streamId: number): void;
  onClosed(streamId: number): void;
}

/**
 * How much may wait for a slow reader before the whole connection is held up. SPDY as Kubernetes clients speak it has no
 * flow control per stream, so the only other choices are to grow without bound or to let one slow stream stop the others.
 */
const READ_BUFFER_BYTES = 1024 * 1024;

/** One stream of a SPDY connection; each direction ends on its own. Destroying it early tells the peer by a reset. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #transport: StreamTransport;
  #peerHasEnded = false;
  #hasEnded = false;
  #isReset = false;

  constructor(id: number, headers: SpdyHeaders, transport: StreamTransport) {
    super({ allowHalfOpen: true, readableHighWaterMark: READ_BUFFER_BYTES });
    this.id = id;
    this.headers = headers;
    this.#transport = transport;
  }

  /** Called by the connection only. False asks to hold up the connection until `onDrained`. */
  receive(chunk: Buffer): boolean {
    // The peer may not know yet that nobody reads any more.
    return this.destroyed || this.#peerHasEnded || this.push(chunk);
  }

  /** Called by the connection only. */
  receiveEnd(): void {
    if (this.#peerHasEnded || this.destroyed) return;
    this.#peerHasEnded = true;
    this.push(null);
  }

  /** Called by the connection only: the peer, or the whole connection, is gone. Not an error of anybody here. */
  receiveReset(): void {
    this.#isReset = true;
    this.destroy();
  }

  override _read(): void {
    this.#transport.onDrained(this.id);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#transport.sendData(this.id, chunk, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#hasEnded = true;
    this.#transport.sendEnd(this.id, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const isComplete = this.#peerHasEnded && this.#hasEnded;
    if (!isComplete && !this.#isReset) this.#transport.sendReset(this.id);
    this.#transport.onDrained(this.id);
    this.#transport.onClosed(this.id);
    callback(error);
  }
}
