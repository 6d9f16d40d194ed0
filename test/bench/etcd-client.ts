import { connect, type Socket } from 'node:net';

// The least client that can drive etcd's gRPC API at full speed: HTTP/2 frames written by hand on one socket, and the few
// protobuf messages that are needed. A general client would spend more processor time than the server it is to measure.

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
/** What the server may send ahead, per stream and in all: as much as the protocol allows. */
const RECEIVE_WINDOW = 0x7fffffff;
const SETTING_INITIAL_WINDOW = 0x4;
const TXN = '/etcdserverpb.KV/Txn';
const WATCH = '/etcdserverpb.Watch/Watch';
const FRAME_HEADER = 9;

interface Call {
  resolve: (revision: number) => void;
  reject: (error: Error) => void;
  answer: Buffer | undefined;
}

/** One connection to etcd, over which any number of writes may be under way. Their bodies must fit one frame (16 KB). */
export class EtcdClient {
  readonly #socket: Socket;
  readonly #authority: string;
  readonly #writeHeaders: Buffer;
  #watch: { stream: number; onEvents: (count: number) => void; input: Buffer } | undefined;
  readonly #calls = new Map<number, Call>();
  #waiting: { frames: Buffer; size: number }[] = [];
  #out: Buffer[] = [];
  #input: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  #window = INITIAL_WINDOW;
  #received = 0;

  private constructor(socket: Socket, authority: string) {
    this.#socket = socket;
    this.#authority = authority;
    this.#writeHeaders = requestHeaders(authority, TXN);
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('etcd closed the connection')));
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const window = Buffer.alloc(6);
    window.writeUInt16BE(SETTING_INITIAL_WINDOW);
    window.writeUInt32BE(RECEIVE_WINDOW, 2);
    socket.write(frame(SETTINGS, 0, 0, window));
    this.#grant(RECEIVE_WINDOW - INITIAL_WINDOW);
  }

  static connect(port: number): Promise<EtcdClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new EtcdClient(socket, `127.0.0.1:${port}`)));
    });
  }

  /**
   * Writes the key if its modification revision is the expected one, 0 for none, as a Kubernetes API server does. Resolves with
   * the write's revision once etcd has answered, that is, once the write is durable.
   */
  put(key: string, value: Buffer, expected: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const stream = this.#nextStream;
      this.#nextStream += 2;
      this.#calls.set(stream, { resolve, reject, answer: undefined });
      const body = grpcMessage(transaction(Buffer.from(key), value, expected));
      const frames = Buffer.concat([
        frame(HEADERS, END_HEADERS, stream, this.#writeHeaders),
        frame(DATA, END_STREAM, stream, body),
      ]);
      this.#waiting.push({ frames, size: body.length });
      this.#flush();
    });
  }

  /** Tells how many events came, with the values before and after them, for all keys that begin with "/". */
  watch(onEvents: (count: number) => void): void {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#watch = { stream, onEvents, input: Buffer.alloc(0) };
    const create = Buffer.concat([bytesField(1, Buffer.from('/')), bytesField(2, Buffer.from('0')), numberField(6, 1)]);
    const body = grpcMessage(bytesField(1, create));
    this.#window -= body.length;
    this.#write(frame(HEADERS, END_HEADERS, stream, requestHeaders(this.#authority, WATCH)));
    this.#write(frame(DATA, 0, stream, body));
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
    if (type === DATA) this.#onData(payload.length);
    if (stream === this.#watch?.stream) return this.#onWatch(type, flags, payload);
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    if (type === DATA) call.answer = Buffer.from(payload);
    if (type === RST_STREAM || (flags & END_STREAM && (type === DATA || type === HEADERS))) this.#finish(stream, call);
  }

  /** gRPC reports a failure by trailers without a message before them. */
  #finish(stream: number, call: Call): void {
    this.#calls.delete(stream);
    if (call.answer === undefined) return call.reject(new Error('etcd refused a write'));
    try {
      call.resolve(revisionOf(call.answer));
    } catch (error) {
      call.reject(error as Error);
    }
  }

  #onWatch(type: number, flags: number, payload: Buffer): void {
    if (this.#watch === undefined) return;
    if (type === RST_STREAM || (flags & END_STREAM && type !== WINDOW_UPDATE)) throw new Error('etcd ended the watch');
    if (type !== DATA) return;
    let input = Buffer.concat([this.#watch.input, payload]);
    for (let end = messageEnd(input); end <= input.length; end = messageEnd(input)) {
      const events = messageFields(input.subarray(5, end)).get(11) ?? [];
      input = input.subarray(end);
      if (events.length > 0) this.#watch.onEvents(events.length);
    }
    this.#watch.input = input;
  }

  /** Lets the server send as much again as has been read; the windows of single streams are never used up. */
  #onData(size: number): void {
    this.#received += size;
    if (this.#received < RECEIVE_WINDOW / 1024) return;
    this.#grant(this.#received);
    if (this.#watch !== undefined) this.#grant(this.#received, this.#watch.stream);
    this.#received = 0;
  }

  #grant(size: number, stream = 0): void {
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(size);
    this.#write(frame(WINDOW_UPDATE, 0, stream, increment));
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
function requestHeaders(authority: string, path: string): Buffer {
  const fields = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': authority,
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
  return Buffer.concat(Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** TxnRequest: if the key's MOD revision EQUALs, then a put, else a range of the key. */
function transaction(key: Buffer, value: Buffer, expected: number): Buffer {
  const compare = Buffer.concat([numberField(2, 2), bytesField(3, key), numberField(6, expected)]);
  const put = Buffer.concat([bytesField(1, key), bytesField(2, value)]);
  return Buffer.concat([
    bytesField(1, compare),
    bytesField(2, bytesField(2, put)),
    bytesField(3, bytesField(1, bytesField(1, key))),
  ]);
}

function grpcMessage(message: Buffer): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Where the first gRPC message ends; beyond the input if that is not yet known. */
function messageEnd(input: Buffer): number {
  return input.length < 5 ? Number.POSITIVE_INFINITY : 5 + input.readUInt32BE(1);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

function numberField(number: number, value: number): Buffer {
  return Buffer.from([number << 3, ...varint(value)]);
}

function bytesField(number: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(value.length)]), value]);
}

/** TxnResponse: the revision in the header (field 3 of the message in field 1), and whether it succeeded (field 2). */
function revisionOf(answer: Buffer): number {
  const fields = messageFields(answer.subarray(5));
  const [header] = fields.get(1) ?? [];
  const [revision] = Buffer.isBuffer(header) ? (messageFields(header).get(3) ?? []) : [];
  if (fields.get(2)?.[0] !== 1) throw new Error('etcd found another revision than expected');
  if (typeof revision !== 'number') throw new Error('etcd answered without a revision');
  return revision;
}

function messageFields(message: Buffer): Map<number, (number | Buffer)[]> {
  const fields = new Map<number, (number | Buffer)[]>();
  let offset = 0;
  const next = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message.readUInt8(offset++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (offset < message.length) {
    const tag = next();
    const value = next();
    const isBytes = (tag & 7) === 2;
    const entry = isBytes ? message.subarray(offset, offset + value) : value;
    if (isBytes) offset += value;
    const entries = fields.get(tag >> 3);
    if (entries === undefined) fields.set(tag >> 3, [entry]);
    else entries.push(entry);
  }
  return fields;
}
