import type { IncomingMessage } from 'node:http';
import { badRequest, tooLarge, unsupportedMediaType } from '#api/meta/errors.ts';
import { parseStrictJson } from '#api/meta/strict-json.ts';
import { isProtobuf, type ProtobufCodec, ProtobufError } from '#api/schema/protobuf.ts';
import { parseYaml } from '#base/yaml.ts';
import { MEDIA_TYPES } from '../forms/negotiate.ts';
import type { DecodedBody, RequestBody } from '../verbs/call.ts';
import { header } from './exchange.ts';

/** The largest body the API takes. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** Reads the whole body. Throws 413 as soon as it is known to be too large. */
export async function readBody(request: IncomingMessage, limitBytes = MAX_BODY_BYTES): Promise<Buffer> {
  if (Number(header(request, 'content-length')) > limitBytes) throw tooLarge(limitBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limitBytes) {
        request.removeAllListeners('data').resume();
        return reject(tooLarge(limitBytes));
      }
      chunks.push(chunk);
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', (error) => reject(badRequest('the request body could not be read', error)));
    request.once('aborted', () => reject(badRequest('the client went away')));
  });
}

/** The body of an HTTP request, decoded by its content type when a verb asks. */
export class HttpBody implements RequestBody {
  readonly #bytes: Buffer;
  readonly #contentType: string;
  readonly #codec: ProtobufCodec;

  constructor({ bytes, contentType, codec }: { bytes: Buffer; contentType: string; codec: ProtobufCodec }) {
    this.#bytes = bytes;
    this.#contentType = mediaType(contentType);
    this.#codec = codec;
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  decode(): DecodedBody {
    switch (this.#contentType) {
      case '':
      case MEDIA_TYPES.json:
      case 'application/json-patch+json':
      case 'application/merge-patch+json':
      case 'application/strategic-merge-patch+json':
        return decodeJson(this.#bytes);
      case MEDIA_TYPES.yaml:
      case 'application/apply-patch+yaml':
        return decodeYaml(this.#bytes);
      case MEDIA_TYPES.protobuf:
        return this.#decodeProtobuf();
      default:
        throw unsupportedMediaType(Object.values(MEDIA_TYPES));
    }
  }

  #decodeProtobuf(): DecodedBody {
    try {
      return { value: this.#codec.decode(this.#bytes), duplicates: [] };
    } catch (error) {
      if (!(error instanceof ProtobufError)) throw error;
      throw unreadable(error.message, this.#bytes);
    }
  }
}

/** The content type without its parameters. */
export function mediaType(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}

function decodeJson(bytes: Buffer): DecodedBody {
  if (isProtobuf(bytes)) throw unreadable('the body is protobuf but its content type says JSON', bytes);
  try {
    return parseStrictJson(bytes.toString());
  } catch (error) {
    throw unreadable(`couldn't get version/kind; json parse error: ${(error as Error).message}`, bytes);
  }
}

function decodeYaml(bytes: Buffer): DecodedBody {
  const text = bytes.toString();
  if (opensTooDeep(text)) throw badRequest('error decoding YAML: exceeded max depth');
  // What clients call YAML is mostly JSON, which is read much faster.
  if (text.trimStart().startsWith('{')) {
    try {
      return parseStrictJson(text);
    } catch {
      // Flow-style YAML may look like JSON at first.
    }
  }
  try {
    return { value: parseYaml(text), duplicates: [] };
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message.trimEnd()}`, error);
  }
}

const MAX_OPENERS = 1000;

/** Whether nothing but beginnings of lists and objects follow each other: a parser would need long to refuse them. */
export function opensTooDeep(text: string): boolean {
  if (text.length < 2 * MAX_OPENERS) return false;
  let openers = 0;
  for (let i = 0; i < text.length && openers < MAX_OPENERS; i++) {
    const char = text[i];
    if (char === '[' || char === '{' || ((char === '-' || char === '?') && text[i + 1] === ' ')) openers++;
    // A name that leads to the next beginning.
    else if (char === '"' && /^"\w*": ?[[{]/.test(text.slice(i, i + 12))) i = text.indexOf(':', i);
    else if (char !== ' ') openers = 0;
  }
  return openers >= MAX_OPENERS;
}

function unreadable(why: string, bytes: Buffer) {
  return badRequest(`the object provided is unrecognized: ${why} (${summary(bytes)})`);
}

const SUMMARY_BYTES = 30;

/** Enough of a body to recognize it by. */
function summary(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>';
  const encoding = bytes[0] === 0x7b ? 'utf8' : 'hex';
  const start = bytes.subarray(0, SUMMARY_BYTES).toString(encoding);
  return bytes.length > SUMMARY_BYTES ? `${start} ...` : start;
}
