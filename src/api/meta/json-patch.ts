import { deepClone, deepEqual } from './clone.ts';
import { badRequest, type StatusError, statusError } from './errors.ts';
import { isJsonObject, type JsonObject, jsonTypeOf, ownField, setField } from './json.ts';

/** More operations than this are refused before any is applied. */
export const MAX_JSON_PATCH_OPERATIONS = 10_000;
/** Copies may not blow the document up beyond what a request may carry. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

/** Why an operation cannot be applied. Clients see only upstream's general words; this becomes the error's cause. */
class OperationError extends Error {
  override readonly name = 'OperationError';
}

interface State {
  readonly document: unknown;
  copiedBytes: number;
}

/**
 * Applies an RFC 6902 patch to a copy of `document`. As with upstream's library, `replace` creates a missing field and
 * `test` with null passes for one. Throws BadRequest, RequestEntityTooLarge, or a 422 if an operation does not apply.
 */
export function applyJsonPatch<T>(document: T, patch: unknown): T {
  if (!Array.isArray(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonTypeOf(patch)} into Go value of type jsonpatch.Patch`);
  }
  if (patch.length > MAX_JSON_PATCH_OPERATIONS) {
    const message = `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${patch.length}`;
    throw entityTooLarge(message);
  }
  const state: State = { document: deepClone(document), copiedBytes: 0 };
  try {
    for (const operation of patch) applyOperation(state, operation);
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    throw statusError({
      code: 422,
      reason: 'Invalid',
      message: 'the server rejected our request due to an error in our request',
      details: {},
      cause: error,
    });
  }
  return state.document as T;
}

function entityTooLarge(message: string): StatusError {
  return statusError({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: ${message}`,
  });
}

function applyOperation(state: State, operation: unknown): void {
  if (!isJsonObject(operation)) {
    throw badRequest(`json: cannot unmarshal ${jsonTypeOf(operation)} into Go value of type jsonpatch.Operation`);
  }
  const op = ownField(operation, 'op');
  const value = ownField(operation, 'value') ?? null;
  const target = () => find(state, pointerOf(operation, 'path'));
  switch (op) {
    case 'add':
      return add(target(), deepClone(value));
    case 'remove':
      return remove(target());
    case 'replace':
      return replace(target(), deepClone(value));
    case 'test':
      return test(target(), value);
    case 'move': {
      const source = find(state, pointerOf(operation, 'from'));
      const moved = get(source) ?? null;
      remove(source);
      return add(target(), moved);
    }
    case 'copy': {
      const source = get(find(state, pointerOf(operation, 'from'))) ?? null;
      state.copiedBytes += Buffer.byteLength(JSON.stringify(source));
      if (state.copiedBytes > MAX_COPIED_BYTES) {
        throw entityTooLarge(`copy operations produced more than ${MAX_COPIED_BYTES} bytes`);
      }
      return add(target(), deepClone(source));
    }
    default:
      throw new OperationError(`Unexpected kind: ${String(op ?? 'unknown')}`);
  }
}

function pointerOf(operation: JsonObject, field: 'path' | 'from'): string {
  const pointer = ownField(operation, field);
  if (typeof pointer !== 'string') throw new OperationError(`operation failed to decode ${field}`);
  return pointer;
}

/** The object or list that holds what a pointer names, and under which key. */
interface Place {
  readonly container: JsonObject | unknown[];
  readonly key: string;
  readonly pointer: string;
}

function find(state: State, pointer: string): Place {
  const missing = () => new OperationError(`doc is missing path: "${pointer}"`);
  const [root, ...tokens] = pointer.split('/');
  const key = tokens.pop();
  if (root !== '' || key === undefined) throw missing();
  let container: unknown = state.document;
  for (const token of tokens) {
    if (!isContainer(container)) throw missing();
    container = get({ container, key: decodeToken(token), pointer });
  }
  if (!isContainer(container)) throw missing();
  return { container, key: decodeToken(key), pointer };
}

const isContainer = (value: unknown): value is JsonObject | unknown[] => typeof value === 'object' && value !== null;

const decodeToken = (token: string) => token.replaceAll('~1', '/').replaceAll('~0', '~');

/** The index a key means in a list of `length`; negative ones count from the end. */
function indexOf(key: string, length: number): number {
  if (!/^[+-]?\d+$/.test(key)) throw new OperationError(`value was not a proper array index: '${key}'`);
  const index = Number(key);
  if (index >= length || index < -length) throw new OperationError(`Unable to access invalid index: ${key}`);
  return index < 0 ? index + length : index;
}

function get({ container, key }: Place): unknown {
  return Array.isArray(container) ? container[indexOf(key, container.length)] : ownField(container, key);
}

function add({ container, key }: Place, value: unknown): void {
  if (!Array.isArray(container)) setField(container, key, value);
  else if (key === '-') container.push(value);
  else container.splice(indexOf(key, container.length + 1), 0, value);
}

function remove({ container, key, pointer }: Place): void {
  if (Array.isArray(container)) {
    container.splice(indexOf(key, container.length), 1);
    return;
  }
  if (!Object.hasOwn(container, key)) throw new OperationError(`Unable to remove nonexistent key: ${pointer}`);
  delete container[key];
}

function replace({ container, key }: Place, value: unknown): void {
  if (Array.isArray(container)) container[indexOf(key, container.length)] = value;
  else setField(container, key, value);
}

function test(place: Place, value: unknown): void {
  if (!deepEqual(get(place) ?? null, value)) throw new OperationError(`testing value ${place.pointer} failed`);
}
