import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse as parseYaml } from 'yaml';
import { ProtobufCodec } from '#api/schema/protobuf.ts';
import { BuiltinSchemas } from '#api/schema/registry.ts';
import type { FuzzRequest } from './requests.ts';

export interface SenderOptions {
  readonly url: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly connections: number;
}

export interface Verdict {
  /** 0: no answer. */
  readonly code: number;
  readonly milliseconds: number;
  /** What is wrong with the answer; undefined when nothing is. */
  readonly problem: string | undefined;
}

/** Longer means that the server hangs. */
const PATIENCE_MS = 5000;
/** Watches are cut after this long, as clients do. */
const WATCH_MS = 40;
const MAX_BODY_BYTES = 3 * 1024 * 1024;

interface Answer {
  readonly code: number;
  readonly contentType: string;
  readonly bytes: Buffer;
  /** Of unknown length, as those of watches are. */
  readonly isStream: boolean;
  /** It was still coming when we had enough. */
  readonly isCut: boolean;
}

/** Sends generated requests over kept connections and judges the answers. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #agents: readonly [known: Agent, anonymous: Agent];
  readonly #codec = new ProtobufCodec(new BuiltinSchemas());

  constructor(options: SenderOptions) {
    this.#options = options;
    const { ca, cert, key, connections: maxSockets } = options;
    this.#agents = [
      new Agent({ keepAlive: true, maxSockets, ca, cert, key }),
      new Agent({ keepAlive: true, maxSockets, ca }),
    ];
  }

  async send(fuzzed: FuzzRequest): Promise<Verdict> {
    const startedAt = performance.now();
    const verdict = (code: number, problem: string | undefined): Verdict => {
      return { code, milliseconds: performance.now() - startedAt, problem };
    };
    try {
      const answer = await this.#exchange(fuzzed);
      return verdict(answer.code, this.#problemOf(fuzzed, answer));
    } catch (error) {
      const tooLarge = (fuzzed.body?.length ?? 0) > MAX_BODY_BYTES;
      // The server hangs up on what it will not read; whether the answer still comes through is chance.
      return verdict(tooLarge ? 413 : 0, tooLarge ? undefined : `no answer: ${(error as Error).message}`);
    }
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy();
  }

  #exchange({ method, path, headers, body, anonymous }: FuzzRequest): Promise<Answer> {
    const agent = this.#agents[anonymous ? 1 : 0];
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(this.#options.url);
      const sent = { ...headers, ...length };
      const outgoing = request({ hostname, port, agent, method, path, headers: sent }, (answer) => {
        read(answer, isWatch(path), () => outgoing.destroy()).then(resolve, reject);
      });
      outgoing.setTimeout(PATIENCE_MS, () => outgoing.destroy(new Error(`nothing within ${PATIENCE_MS} ms`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  #problemOf({ method, path }: FuzzRequest, { code, contentType, bytes, isStream, isCut }: Answer): string | undefined {
    const text = () => bytes.subarray(0, 300).toString();
    const [address = ''] = path.split('?', 1);
    // No node and no endpoint can be reached here, and what is asked from one says so.
    if (code === 503 && /\/pods\/[^/]+\/log$|\/proxy\//.test(address)) return statusProblem(code, bytes);
    // So upstream tells of a revision that has yet to come.
    if (code === 504 && text().includes('"ResourceVersionTooLarge"')) return statusProblem(code, bytes);
    if (code >= 500 || code < 200) return `code ${code}: ${/"message":"(.*?)","/.exec(text())?.[1] ?? text()}`;
    if (code === 301) return /\/proxy$|^\/openapi\/v3\//.test(address) ? undefined : `redirected: ${text()}`;
    if (code >= 300 && code < 400) return code === 304 ? undefined : `code ${code}`;
    if (method === 'HEAD') return bytes.length === 0 ? undefined : 'a body after HEAD';
    if (code >= 400) return /^\/apis?\//.test(address) ? statusProblem(code, bytes) : undefined;
    try {
      if (isCut) return undefined;
      return isStream ? watchProblem(contentType, bytes) : this.#bodyProblem(contentType, bytes, address);
    } catch (error) {
      return `an answer that cannot be read as ${contentType}: ${(error as Error).message}: ${text()}`;
    }
  }

  #bodyProblem(contentType: string, bytes: Buffer, address: string): string | undefined {
    const isApi = /^\/apis?\//.test(address);
    const type = contentType.split(';', 1)[0];
    if (type === 'application/json') return isApi ? kindProblem(JSON.parse(bytes.toString())) : undefined;
    if (type === 'application/yaml') return kindProblem(parseYaml(bytes.toString()));
    if (type === 'application/vnd.kubernetes.protobuf' && isApi) return kindProblem(this.#codec.decode(bytes));
    if (!isApi || bytes.length === 0) return undefined;
    return /\/log$/.test(address) ? undefined : `an answer of type ${contentType}`;
  }
}

/** Reads an answer to its end; of a watch only what comes within a moment. */
async function read(answer: IncomingMessage, mayStream: boolean, cut: () => void): Promise<Answer> {
  const chunks: Buffer[] = [];
  answer.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<boolean>((resolve, reject) => {
    answer.once('end', () => resolve(false));
    answer.once('error', reject);
    answer.once('aborted', () => reject(new Error('the answer was broken off')));
  });
  const code = answer.statusCode ?? 0;
  const isStream = mayStream && code === 200 && answer.headers['content-length'] === undefined;
  const isCut = await (isStream ? Promise.race([ended, sleep(WATCH_MS, true)]) : ended);
  ended.catch(() => {});
  if (isCut) cut();
  return { code, contentType: answer.headers['content-type'] ?? '', bytes: Buffer.concat(chunks), isStream, isCut };
}

const isWatch = (path: string) =>
  /^\/apis?\/.*[?&]watch=(1|true)/.test(path) || /^\/apis?\/([^/]+\/)?v\w+\/watch\//.test(path);

function statusProblem(code: number, bytes: Buffer): string | undefined {
  const text = bytes.toString();
  try {
    const { kind, apiVersion, status, code: told, message, reason } = JSON.parse(text);
    const isWhole = kind === 'Status' && apiVersion === 'v1' && status === 'Failure' && typeof reason === 'string';
    if (isWhole && told === code && typeof message === 'string' && message !== '') return undefined;
  } catch {
    // Said below.
  }
  return `code ${code} without a Status: ${text.slice(0, 300)}`;
}

function watchProblem(contentType: string, bytes: Buffer): string | undefined {
  if (!contentType.startsWith('application/json')) return undefined;
  for (const line of bytes.toString().split('\n').filter(Boolean)) {
    const { type, object } = JSON.parse(line);
    if (!/^(ADDED|MODIFIED|DELETED|BOOKMARK|ERROR)$/.test(type)) return `an event of type ${type}`;
    const problem = kindProblem(object);
    if (problem !== undefined) return problem;
    if (type === 'ERROR' && object.code >= 500) return `an error event: ${line.slice(0, 300)}`;
  }
  return undefined;
}

function kindProblem(value: { kind?: unknown; apiVersion?: unknown } | null): string | undefined {
  if (typeof value?.kind === 'string' && typeof value.apiVersion === 'string') return undefined;
  return `an answer without kind: ${JSON.stringify(value)?.slice(0, 300)}`;
}
