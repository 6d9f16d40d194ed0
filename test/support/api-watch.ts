import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connectionOf } from './api-request.ts';
import { eventually } from './eventually.ts';
import type { TestServer } from './test-server.ts';

export interface RawWatch extends Disposable {
  readonly code: number;
  /** What has come so far. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events freely
  readonly events: readonly any[];
  readonly ended: boolean;
  /** Resolves once there are so many events, and tells all of them. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events freely
  waitFor(count: number): Promise<readonly any[]>;
}

/** Opens a watch over HTTP/1.1; resolves when its head is there. */
export async function openWatch(server: TestServer, path: string, accept = 'application/json'): Promise<RawWatch> {
  const events: unknown[] = [];
  let ended = false;
  const { outgoing, answer } = await new Promise<{ outgoing: ClientRequest; answer: IncomingMessage }>(
    (resolve, reject) => {
      const outgoing = request({ ...connectionOf(server), agent: false, path, headers: { accept } }, (answer) =>
        resolve({ outgoing, answer }),
      );
      outgoing.on('error', reject);
      outgoing.end();
    },
  );
  let rest = '';
  answer.setEncoding('utf8');
  answer.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) events.push(JSON.parse(line));
  });
  answer.on('end', () => {
    ended = true;
  });
  answer.on('error', () => {
    ended = true;
  });
  return {
    code: answer.statusCode ?? 0,
    events,
    get ended() {
      return ended;
    },
    waitFor: (count) =>
      eventually(
        () => {
          if (events.length < count) throw new Error(`${events.length} of ${count} events: ${JSON.stringify(events)}`);
          return events;
        },
        { everyMs: 10 },
      ),
    [Symbol.dispose]: () => outgoing.destroy(),
  };
}
