import { createInflate, type Inflate } from 'node:zlib';
import { spdyDictionary } from './dictionary.ts';

/** Names are in lower case; a name that came with several values has them joined by NUL. */
export type SpdyHeaders = Readonly<Record<string, string>>;

const MAX_BLOCK_BYTES = 64 * 1024;

/** Reads the header blocks of one direction of a connection. They share one compressor, so each must be read, in order. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary: spdyDictionary() });
  #output: Buffer[] = [];
  #size = 0;
  #error: Error | undefined;
  #onError: ((error: Error) => void) | undefined;

  constructor() {
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#size += chunk.length;
      if (this.#size <= MAX_BLOCK_BYTES) return void this.#output.push(chunk);
      this.#error = new Error('Header block is too large');
      this.#inflate.destroy(this.#error);
    });
    this.#inflate.on('error', (error) => {
      this.#error = error;
      this.#onError?.(error);
    });
  }

  /** One block at a time: wait for the answer before the next. */
  read(compressed: Buffer): Promise<SpdyHeaders> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) return reject(this.#error);
      this.#onError = reject;
      this.#inflate.write(compressed, (error) => {
        const failure = this.#error ?? error;
        if (failure) return reject(failure);
        // What is inflated but not told yet comes by 'data', synchronously.
        while (this.#inflate.read() !== null);
        const block = Buffer.concat(this.#output);
        this.#output = [];
        this.#size = 0;
        try {
          resolve(parseHeaders(block));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  close(): void {
    this.#inflate.destroy();
  }
}

/** Throws if the lengths in the block do not fit its size. */
export function parseHeaders(block: Buffer): SpdyHeaders {
  const headers: Record<string, string> = Object.create(null);
  let offset = 0;
  const text = () => {
    const length = block.readUInt32BE(offset);
    const end = offset + 4 + length;
    if (end > block.length) throw new RangeError('Header block ends too early');
    const value = block.toString('utf8', offset + 4, end);
    offset = end;
    return value;
  };
  const count = block.readUInt32BE(0);
  offset = 4;
  for (let index = 0; index < count; index++) {
    const name = text().toLowerCase();
    headers[name] = text();
  }
  return headers;
}

/** The pairs as they stand in a block before compression. */
export function formatHeaders(headers: SpdyHeaders): Buffer {
  const uint32 = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes;
  };
  const text = (value: string) => [uint32(Buffer.byteLength(value)), Buffer.from(value)];
  const pairs = Object.entries(headers);
  return Buffer.concat([uint32(pairs.length), ...pairs.flatMap(([name, value]) => [...text(name), ...text(value)])]);
}

/**
 * Writes header blocks that every inflater can read, without compressing them: the few bytes that a server answers are not
 * worth a compressor for each connection. Each block ends in an empty one, without which Go's reader waits for more.
 */
export class HeaderWriter {
  #hasBegun = false;

  write(headers: SpdyHeaders): Buffer {
    const block = formatHeaders(headers);
    const stored = Buffer.alloc(5);
    stored.writeUInt16LE(block.length, 1);
    stored.writeUInt16LE(~block.length & 0xffff, 3);
    const zlibHeader = this.#hasBegun ? [] : [Buffer.from([0x78, 0x01])];
    this.#hasBegun = true;
    return Buffer.concat([...zlibHeader, stored, block, Buffer.from([0, 0, 0, 0xff, 0xff])]);
  }
}
