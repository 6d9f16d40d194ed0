import type { Duplex } from 'node:stream';
import { constants, createDeflate, type Deflate } from 'node:zlib';
import { spdyDictionary } from '#base/spdy/dictionary.ts';
import { controlFrame, dataHeader, FLAG_FIN, FRAME, type Frame, FrameReader, numbers } from '#base/spdy/frame.ts';
import { formatHeaders, HeaderReader } from '#base/spdy/header-block.ts';
import { eventually } from './eventually.ts';

/** The client's end of a SPDY connection, as bare as a test wants it. Everything received is kept in `frames`. */
export class SpdyClient {
  readonly transport: Duplex;
  readonly frames: Frame[] = [];
  readonly #deflate: Deflate = createDeflate({ dictionary: spdyDictionary(), flush: constants.Z_SYNC_FLUSH });
  readonly #headers = new HeaderReader();
  readonly #reader = new FrameReader();
  #nextId = 1;

  constructor(transport: Duplex) {
    this.transport = transport;
    transport.on('error', () => {});
    transport.on('data', (chunk: Buffer) => this.frames.push(...this.#reader.read(chunk)));
  }

  /** Opens a stream and returns its id, without waiting for the answer. */
  async open(headers: Record<string, string>, { flags = 0, id = this.#nextId } = {}): Promise<number> {
    this.#nextId = id + 2;
    const chunks: Buffer[] = [];
    const collect = (chunk: Buffer) => chunks.push(chunk);
    this.#deflate.on('data', collect);
    await new Promise<void>((resolve) => this.#deflate.write(formatHeaders(headers), () => resolve()));
    while (this.#deflate.read() !== null);
    this.#deflate.off('data', collect);
    const payload = Buffer.concat([numbers(id, 0), Buffer.from([0, 0]), ...chunks]);
    this.transport.write(controlFrame(FRAME.synStream, payload, flags));
    return id;
  }

  /** Waits until the server has accepted the stream; the headers of its answer. */
  async accepted(id: number): Promise<Record<string, string>> {
    const reply = await this.control(FRAME.synReply, id);
    return this.#headers.read(reply.subarray(4));
  }

  /** Payload of a control frame for a stream, once it has come. */
  control(type: number, streamId?: number): Promise<Buffer> {
    return eventually(() => {
      const isIt = (frame: Frame) =>
        frame.kind === 'control' &&
        frame.type === type &&
        (streamId === undefined || frame.payload.readUInt32BE(0) === streamId);
      const found = this.frames.find(isIt);
      if (found === undefined) throw new Error(`No control frame ${type} for stream ${streamId}`);
      return found.payload;
    });
  }

  send(id: number, data: string | Buffer, { end = false } = {}): void {
    const payload = Buffer.from(data);
    this.transport.write(Buffer.concat([dataHeader(id, payload.length, end ? FLAG_FIN : 0), payload]));
  }

  reset(id: number): void {
    this.transport.write(controlFrame(FRAME.rstStream, numbers(id, 5)));
  }

  /** What has come on a stream so far. */
  received(id: number): Buffer {
    return Buffer.concat(this.#dataOf(id).map(({ payload }) => payload));
  }

  hasEnded(id: number): boolean {
    return this.#dataOf(id).some(({ flags }) => (flags & FLAG_FIN) !== 0);
  }

  /** Everything of a stream, once the server has ended it. */
  all(id: number): Promise<string> {
    return eventually(() => {
      if (!this.hasEnded(id)) throw new Error(`Stream ${id} has not ended`);
      return this.received(id).toString();
    });
  }

  #dataOf(id: number) {
    return this.frames.filter((frame) => frame.kind === 'data' && frame.streamId === id);
  }
}
