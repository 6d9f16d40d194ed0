/** Control frame types of SPDY/3 that are read or written here. */
export const FRAME = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7 } as const;
export const FLAG_FIN = 1;
export const RESET = { protocolError: 1, refused: 3, cancel: 5, internal: 6 } as const;

export type Frame =
  | { kind: 'data'; streamId: number; flags: number; payload: Buffer }
  | { kind: 'control'; type: number; flags: number; payload: Buffer };

const HEADER_BYTES = 8;
const VERSION = 3;
/** Far above what clients send (32 KiB), far below what the length field could claim. */
const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** A longer write is cut, so that other streams get their turn. */
export const MAX_DATA_BYTES = 64 * 1024;

/** Cuts a byte stream into frames. Throws on what is no SPDY/3. */
export class FrameReader {
  #buffered: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<Frame> {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    while (this.#buffered.length >= HEADER_BYTES) {
      const length = this.#buffered.readUInt32BE(4) & 0xffffff;
      if (length > MAX_PAYLOAD_BYTES) throw new RangeError(`SPDY frame of ${length} bytes is too large`);
      if (this.#buffered.length < HEADER_BYTES + length) return;
      const frame = this.#buffered.subarray(0, HEADER_BYTES + length);
      this.#buffered = this.#buffered.subarray(HEADER_BYTES + length);
      yield parseFrame(frame);
    }
  }
}

function parseFrame(bytes: Buffer): Frame {
  const first = bytes.readUInt32BE(0);
  const flags = bytes.readUInt8(4);
  const payload = bytes.subarray(HEADER_BYTES);
  if (first >>> 31 === 0) return { kind: 'data', streamId: first, flags, payload };
  const version = (first >>> 16) & 0x7fff;
  if (version !== VERSION) throw new RangeError(`SPDY version ${version} is not supported`);
  return { kind: 'control', type: first & 0xffff, flags, payload };
}

/** The eight bytes before a data frame's payload. */
export function dataHeader(streamId: number, length: number, flags = 0): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(streamId, 0);
  header.writeUInt32BE(length, 4);
  header.writeUInt8(flags, 4);
  return header;
}

export function controlFrame(type: number, payload: Buffer, flags = 0): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(0x8000 | VERSION, 0);
  header.writeUInt16BE(type, 2);
  header.writeUInt32BE(payload.length, 4);
  header.writeUInt8(flags, 4);
  return Buffer.concat([header, payload]);
}

/** Payload of 32-bit numbers, as the smaller control frames have it. */
export function numbers(...values: readonly number[]): Buffer {
  const payload = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => {
    payload.writeUInt32BE(value >>> 0, 4 * index);
  });
  return payload;
}
