import { connect, type Socket } from 'node:net';

// The least client that can drive etcd's gRPC API at full speed: HTTP/2 frames written by hand on one socket, and
// the two protobuf messages of a put. A general client would spend more processor time than the server it is to measure.

const DATA = 0x0;
const HEADERS = 0x1;
const RST_STREAM = 0x3;
const SETTINGS = 0x4;
const PING = 0x6;
const GOAWAY = 0x7;
const WINDOW_UPDATE = 0x8;
const ACK = 0x1;
const END_STREAM = 0x1;
const END_HEADERS = 0x4;
const INITIAL_WINDOW = 65_535;
const FRAME_HEADER = 9;

interface Call {
  resolve: (revision: number) => void;
  reject: (error: Error) => void;
  answer: Buffer | undefined;
}

/** One connection to etcd, over which any number of puts may be under way. Their bodies must fit one frame (16 KB). */
export class EtcdClient {
  readonly #socket: Socket;
  readonly #headers: Buffer;
  readonly #calls = new Map<number, Call>();
  #waiting: { frames: Buffer; size: number }[] = [];
  #out: Buffer[] = [];
  #input: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  #window = INITIAL_WINDOW;
  #received = 0;

  private constructor(socket: Socket, authority: string) {
    this.#socket = socket;
    this.#headers = requestHeaders(authority);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('etcd closed the connection')));
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
  }

  static connect(port: number): Promise<EtcdClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new EtcdClient(socket, `127.0.0.1:${port}`)));
    });
  }

  /** Resolves with the revision of the write once etcd has answered, that is, once the write is durable. */
  put(key: string, value: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      const stream = this.#nextStream;
      this.#nextStream += 2;
      this.#calls.set(stream, { resolve, reject, answer: undefined });
      const message = Buffer.concat([bytesField(1, Buffer.from(key)), bytesField(2, value)]);
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      const body = Buffer.concat([prefix, message]);
      const frames = Buffer.concat([
        frame(HEADERS, END_HEADERS, stream, this.#headers),
        frame(DATA, END_STREAM, stream, body),
      ]);
      this.#waiting.push({ frames, size: body.length });
      this.#flush();
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends what the server's flow control lets through; what is written in one turn leaves in one system call. */
  #flush(): void {
    while (this.#waiting[0] !== undefined && this.#waiting[0].size <= this.#window) {
      const { frames, size } = this.#waiting.shift() as { frames: Buffer; size: number };
      this.#window -= size;
      this.#write(frames);
    }
  }

  #write(bytes: Buffer): void {
    if (this.#out.length === 0) setImmediate(() => this.#socket.write(Buffer.concat(this.#out.splice(0))));
    this.#out.push(bytes);
  }

  #read(chunk: Buffer): void {
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    let offset = 0;
    while (this.#input.length - offset >= FRAME_HEADER) {
      const end = offset + FRAME_HEADER + this.#input.readUIntBE(offset, 3);
      if (end > this.#input.length) break;
      const type = this.#input.readUInt8(offset + 3);
      const flags = this.#input.readUInt8(offset + 4);
      const stream = this.#input.readUInt32BE(offset + 5) & 0x7fffffff;
      this.#onFrame(type, flags, stream, this.#input.subarray(offset + FRAME_HEADER, end));
      offset = end;
    }
    this.#input = this.#input.subarray(offset);
  }

  #onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === SETTINGS && (flags & ACK) === 0) this.#write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    if (type === PING && (flags & ACK) === 0) this.#write(frame(PING, ACK, 0, Buffer.from(payload)));
    if (type === GOAWAY) this.#fail(new Error('etcd asks to go away'));
    if (type === WINDOW_UPDATE && stream === 0) {
      this.#window += payload.readUInt32BE(0) & 0x7fffffff;
      this.#flush();
    }
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    if (type === DATA) {
      call.answer = Buffer.from(payload);
      this.#grant(payload.length);
    }
    if (type === RST_STREAM || (flags & END_STREAM && (type === DATA || type === HEADERS))) this.#finish(stream, call);
  }

  /** gRPC reports a failure by trailers without a message before them. */
  #finish(stream: number, call: Call): void {
    this.#calls.delete(stream);
    if (call.answer === undefined) call.reject(new Error('etcd refused a put'));
    else call.resolve(revisionOf(call.answer));
  }

  /** Lets the server send as much again as has been read. */
  #grant(size: number): void {
    this.#received += size;
    if (this.#received < INITIAL_WINDOW / 2) return;
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(this.#received);
    this.#received = 0;
    this.#write(frame(WINDOW_UPDATE, 0, 0, increment));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  payload.copy(bytes, FRAME_HEADER);
  return bytes;
}

/** HPACK without any table: every field literal, so that one block serves all requests. */
function requestHeaders(authority: string): Buffer {
  const fields = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/etcdserverpb.KV/Put',
    ':authority': authority,
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function bytesField(number: number, value: Buffer): Buffer {
  const head = [(number << 3) | 2];
  let length = value.length;
  for (; length > 0x7f; length >>>= 7) head.push((length & 0x7f) | 0x80);
  head.push(length);
  return Buffer.concat([Buffer.from(head), value]);
}

/** PutResponse.header.revision: field 3 of the message in field 1, behind gRPC's five bytes. */
function revisionOf(answer: Buffer): number {
  const [header] = messageFields(answer.subarray(5)).get(1) ?? [];
  const [revision] = Buffer.isBuffer(header) ? (messageFields(header).get(3) ?? []) : [];
  if (typeof revision !== 'number') throw new Error('etcd answered without a revision');
  return revision;
}

function messageFields(message: Buffer): Map<number, (number | Buffer)[]> {
  const fields = new Map<number, (number | Buffer)[]>();
  let offset = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message.readUInt8(offset++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (offset < message.length) {
    const tag = varint();
    const value = varint();
    const isBytes = (tag & 7) === 2;
    const entry = isBytes ? message.subarray(offset, offset + value) : value;
    if (isBytes) offset += value;
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), entry]);
  }
  return fields;
}
