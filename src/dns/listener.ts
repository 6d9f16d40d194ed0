import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';

export interface ListenAddress {
  readonly ip: string;
  readonly port: number;
}

export interface ListenerOptions {
  readonly address: ListenAddress;
  /** The answer to a message; undefined if none is due. Must not throw. */
  readonly answer: (message: Buffer, transport: 'udp' | 'tcp') => Buffer | undefined | Promise<Buffer | undefined>;
}

const TCP_IDLE_MS = 10_000;
const MAX_TCP_CLIENTS = 500;

/** One address, by UDP and TCP. */
export class DnsListener {
  readonly #options: ListenerOptions;
  readonly #clients = new Set<Socket>();
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Where it listens: the port is chosen when 0 was asked for. */
  async start(): Promise<ListenAddress> {
    const { ip } = this.#options.address;
    const tcp = createServer((socket) => this.#serveClient(socket));
    tcp.maxConnections = MAX_TCP_CLIENTS;
    await new Promise<void>((resolve, reject) => {
      tcp.once('error', reject);
      tcp.listen({ host: ip, port: this.#options.address.port, exclusive: true }, resolve);
    });
    tcp.on('error', () => {});
    this.#tcp = tcp;
    const bound = tcp.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : this.#options.address.port;
    // Without a lookup of our own, each packet to an address would go through the system's resolver.
    const udp = createSocket({ type: 'udp4', lookup: (host, _, callback) => callback(null, host, 4) });
    this.#udp = udp;
    await new Promise<void>((resolve, reject) => {
      udp.once('error', reject);
      udp.bind({ address: ip, port, exclusive: true }, resolve);
    });
    udp.on('error', () => {});
    udp.on('message', (message, { address, port: senderPort }) => {
      const reply = (answer: Buffer | undefined) => {
        if (answer !== undefined && this.#udp === udp) udp.send(answer, senderPort, address, () => {});
      };
      const answer = this.#options.answer(message, 'udp');
      if (answer instanceof Promise) void answer.then(reply);
      else reply(answer);
    });
    return { ip, port };
  }

  async stop(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = undefined;
    this.#tcp = undefined;
    for (const client of this.#clients) client.destroy();
    await new Promise<void>((resolve) => (udp === undefined ? resolve() : udp.close(() => resolve())));
    await new Promise<void>((resolve) => (tcp === undefined ? resolve() : tcp.close(() => resolve())));
  }

  /** Messages with their length in front; answers may overtake each other. */
  #serveClient(socket: Socket): void {
    let received = Buffer.alloc(0);
    this.#clients.add(socket);
    socket.on('close', () => this.#clients.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    const reply = (answer: Buffer | undefined) => {
      if (answer === undefined || socket.destroyed) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    };
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0);
        const answer = this.#options.answer(Buffer.from(received.subarray(2, end)), 'tcp');
        received = received.subarray(end);
        if (answer instanceof Promise) void answer.then(reply);
        else reply(answer);
      }
    });
  }
}
