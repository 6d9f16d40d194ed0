import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIP, isIPv6 } from 'node:net';
import { HEADER_BYTES } from './wire.ts';

/** Another DNS server. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
}

export interface ExchangeOptions {
  readonly transport: 'udp' | 'tcp';
  readonly timeoutMs: number;
}

/** Reads `10.0.0.1`, `10.0.0.1:5353`, `fd00::1` or `[fd00::1]:5353`; undefined for anything else. */
export function parseUpstream(text: string): Upstream | undefined {
  const [, bracketed, plain, port = '53'] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? text;
  // A zone index (fe80::1%eth0) is part of what the system accepts.
  return isIP(host.split('%')[0] ?? '') === 0 || Number(port) > 65_535 ? undefined : { host, port: Number(port) };
}

/**
 * Asks one server once, under a fresh id and from a fresh port, and returns its answer with that id. Rejects when it says
 * nothing in time, or when nobody listens there, which is known at once.
 */
export function exchange(
  query: Buffer,
  upstream: Upstream,
  { transport, timeoutMs }: ExchangeOptions,
): Promise<Buffer> {
  const asked = Buffer.from(query);
  asked.writeUInt16BE(randomInt(65_536), 0);
  return transport === 'udp' ? askByUdp(asked, upstream, timeoutMs) : askByTcp(asked, upstream, timeoutMs);
}

function askByUdp(query: Buffer, { host, port }: Upstream, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(host.split('%')[0] ?? '') ? 'udp6' : 'udp4');
    const finish = (act: () => void) => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.close();
      act();
    };
    const fail = (error: Error) => finish(() => reject(error));
    const timer = setTimeout(() => fail(new Error(`No answer from ${host} within ${timeoutMs} ms`)), timeoutMs);
    socket.on('error', fail);
    socket.on('message', (answer) => {
      if (isAnswerTo(query, answer)) finish(() => resolve(answer));
    });
    // Connected, it hears from this server only, and learns at once when nobody listens.
    socket.connect(port, host, (error?: Error) => {
      if (error !== undefined && error !== null) return fail(error);
      socket.send(query, (failure) => {
        if (failure !== null) fail(failure);
      });
    });
  });
}

function askByTcp(query: Buffer, { host, port }: Upstream, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    let received = Buffer.alloc(0);
    const finish = (act: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    const timer = setTimeout(
      () => finish(() => reject(new Error(`No answer from ${host} within ${timeoutMs} ms`))),
      timeoutMs,
    );
    socket.on('error', (error) => finish(() => reject(error)));
    socket.on('close', () => finish(() => reject(new Error(`${host} closed the connection`))));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = received.subarray(2, 2 + received.readUInt16BE(0));
      finish(() =>
        isAnswerTo(query, answer) ? resolve(answer) : reject(new Error(`${host} answered another question`)),
      );
    });
    socket.write(Buffer.concat([Buffer.of(query.length >> 8, query.length & 0xff), query]));
  });
}

/** Same id, marked as an answer, and to the same question. */
function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  if (answer.length < HEADER_BYTES || answer.readUInt16BE(0) !== query.readUInt16BE(0)) return false;
  if ((answer.readUInt16BE(2) & 0x8000) === 0) return false;
  // Refusals may leave the question out.
  if (answer.readUInt16BE(4) === 0) return (answer.readUInt16BE(2) & 0xf) !== 0;
  const question = query.toString('latin1', HEADER_BYTES, questionEnd(query)).toLowerCase();
  return answer.toString('latin1', HEADER_BYTES, HEADER_BYTES + question.length).toLowerCase() === question;
}

function questionEnd(message: Buffer): number {
  let at = HEADER_BYTES;
  while (at < message.length && message[at] !== 0) at += (message[at] ?? 0) + 1;
  return at + 5;
}
