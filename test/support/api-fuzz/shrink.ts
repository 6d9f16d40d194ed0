import type { FuzzRequest } from './requests.ts';

const MAX_TRIES = 300;

/** The simplest request found that still `fails`, by leaving out one thing after the other. */
export async function shrink(
  request: FuzzRequest,
  fails: (candidate: FuzzRequest) => Promise<boolean>,
): Promise<FuzzRequest> {
  let best = request;
  let tries = 0;
  for (let improved = true; improved; ) {
    improved = false;
    for (const candidate of simpler(best)) {
      if (++tries > MAX_TRIES) return best;
      if (!(await fails(candidate))) continue;
      best = candidate;
      improved = true;
      break;
    }
  }
  return best;
}

function* simpler(request: FuzzRequest): Generator<FuzzRequest> {
  const [address = '', query = ''] = request.path.split('?', 2);
  const parameters = [...new URLSearchParams(query)];
  for (const index of parameters.keys()) {
    const rest = new URLSearchParams(parameters.toSpliced(index, 1)).toString();
    yield { ...request, path: rest === '' ? address : `${address}?${rest}` };
  }
  for (const name of Object.keys(request.headers)) {
    const headers = Object.fromEntries(Object.entries(request.headers).filter(([key]) => key !== name));
    yield { ...request, headers };
  }
  const { body } = request;
  if (body === undefined || body.length === 0) return;
  yield { ...request, body: undefined };
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch {
    for (const part of [body.subarray(0, body.length >> 1), body.subarray(body.length >> 1)]) {
      if (part.length < body.length) yield { ...request, body: part };
    }
    return;
  }
  for (const smaller of smallerValues(value)) yield { ...request, body: Buffer.from(JSON.stringify(smaller)) };
}

/** The value with one field or item less, the outer ones first. */
function* smallerValues(value: unknown): Generator<unknown> {
  if (typeof value !== 'object' || value === null) return;
  const entries = Object.entries(value);
  const build = (rest: readonly [string, unknown][]) =>
    Array.isArray(value) ? rest.map(([, item]) => item) : Object.fromEntries(rest);
  for (const index of entries.keys()) yield build(entries.toSpliced(index, 1));
  for (const [index, [key, inner]] of entries.entries()) {
    for (const smaller of smallerValues(inner)) yield build(entries.with(index, [key, smaller]));
  }
}

/** A request as text that says all of it. */
export function describeRequest({ method, path, headers, body, anonymous }: FuzzRequest): string {
  const shown = body === undefined ? '' : `\n${text(body)}`;
  return `${method} ${path} ${JSON.stringify(headers)}${anonymous ? ' (anonymous)' : ''}${shown}`;
}

function text(body: Buffer): string {
  const utf8 = body.toString();
  const isText = Buffer.from(utf8).equals(body) && !utf8.includes('\0');
  const all = isText ? utf8 : `base64:${body.toString('base64')}`;
  return all.length > 3000 ? `${all.slice(0, 3000)}... (${body.length} bytes)` : all;
}
