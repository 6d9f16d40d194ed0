import { badRequest, expired, notFound, resourceVersionTooLarge, statusError } from '#api/meta/errors.ts';
import type { ListMeta } from '#api/meta/types.ts';
import { CompactedError } from '#kvstore/kvstore.ts';
import { type Entry, makeEntry } from '../state/entry.ts';
import type { ResourceState } from '../state/resource-state.ts';
import { selectEntries } from '../watch/watch-session.ts';
import { type Call, entryReply, type Reply, type VerbDeps } from './call.ts';
import { type ListOptions, parseListOptions, parseResourceVersion } from './options.ts';
import { type Selection, select } from './select.ts';

const FUTURE_WAIT_MS = 3000;

/** One object. */
export async function getObject({ state }: VerbDeps, call: Call): Promise<Reply> {
  const { name = '', namespace, query, signal } = call;
  const asked = parseResourceVersion(query.get('resourceVersion') ?? '') ?? 0;
  if (asked > state.revision) await requireRevision({ state }, asked, signal);
  return entryReply(requireEntry(call, { namespace, name }));
}

/** The stored object a request is about, or 404. */
export function requireEntry(
  { served }: Pick<Call, 'served'>,
  { namespace, name }: { namespace: string | undefined; name: string },
): Entry {
  const { ref } = served.definition;
  const entry = served.get({ namespace: ref.namespaced ? namespace : undefined, name });
  if (entry === undefined) throw notFound(ref, name);
  return entry;
}

async function requireRevision({ state }: Pick<VerbDeps, 'state'>, revision: number, signal: AbortSignal) {
  if (await state.waitFor(revision, { timeoutMs: FUTURE_WAIT_MS, signal })) return;
  throw resourceVersionTooLarge(revision, state.revision);
}

/** Objects of a resource: all, selected, or page by page from one snapshot. */
export async function listObjects(deps: VerbDeps, call: Call): Promise<Reply> {
  const options = parseListOptions(call.query);
  const selection = select({ definition: call.served.definition, ...pick(call), ...options });
  const asked = parseResourceVersion(options.resourceVersion) ?? 0;
  if (options.continue !== '') return continueList(deps, call, { options, selection });
  if (asked > deps.state.revision) await requireRevision(deps, asked, call.signal);
  const isExact =
    options.resourceVersionMatch === 'Exact' || (asked > 0 && options.resourceVersionMatch === '' && options.limit > 0);
  if (isExact) return listPage(deps, call, { options, selection, revision: asked, start: '' });
  const { revision } = deps.state;
  // "Any state will do" lists are answered whole, as by upstream's watch cache.
  const limit = options.resourceVersion === '0' ? 0 : options.limit;
  if (limit > 0) return listPage(deps, call, { options, selection, revision, start: '' });
  const { state, isStoredForm } = call.served;
  const entries = selectEntries(call.served, selection);
  const meta: ListMeta = { resourceVersion: String(revision) };
  if (!selection.isEverything || state === undefined || !isStoredForm) return { type: 'list', meta, entries };
  const bucket = state.bucket(selection.namespace);
  return { type: 'list', meta, entries, joined: () => bucket.join(entries) };
}

const pick = ({ namespace, name }: Call) => ({ namespace, name });

interface Page {
  readonly options: ListOptions;
  readonly selection: Selection;
  readonly revision: number;
  /** First key to look at. */
  readonly start: string;
}

async function continueList(
  deps: VerbDeps,
  call: Call,
  { options, selection }: Pick<Page, 'options' | 'selection'>,
): Promise<Reply> {
  const { revision, start } = parseToken(options.continue);
  // A token for an inconsistent continuation asks for the newest state.
  const at = revision < 0 ? deps.state.revision : revision;
  return listPage(deps, call, { options, selection, revision: at, start });
}

async function listPage(deps: VerbDeps, call: Call, page: Page): Promise<Reply> {
  const { options, selection, revision } = page;
  const { candidates, remaining } = await candidatesAt(deps, call, page);
  const entries: Entry[] = [];
  let index = 0;
  const full = options.limit > 0 ? options.limit : Number.POSITIVE_INFINITY;
  for (; index < candidates.length && entries.length < full; index++) {
    const entry = candidates[index];
    if (entry !== undefined && (selection.isEverything || selection.matches(entry.object))) entries.push(entry);
  }
  const meta: ListMeta = { resourceVersion: String(revision) };
  const rest = candidates.length - index + remaining;
  const last = candidates[index - 1];
  if (rest > 0 && last !== undefined) {
    meta.continue = formatToken(revision, `${relativeKey(last.key, selection.namespace)}\0`);
    if (selection.isEverything) meta.remainingItemCount = rest;
  }
  return { type: 'list', meta, entries };
}

interface Candidates {
  readonly candidates: readonly Entry[];
  /** Further ones that were left in the store. */
  readonly remaining: number;
}

/** The entries from `start` on as of the page's revision: from memory when nothing has changed since, else from the store. */
async function candidatesAt({ state }: VerbDeps, { served }: Call, page: Page): Promise<Candidates> {
  const { options, selection, revision, start } = page;
  const resource = served.state;
  if (resource === undefined) return { candidates: [], remaining: 0 };
  const prefix = selection.namespace === undefined ? '' : `${selection.namespace}/`;
  const from = prefix + start;
  if (isUnchangedSince(resource, revision)) {
    const bucket = resource.bucket(selection.namespace);
    const entries = bucket.entries.slice(start === '' ? 0 : bucket.indexOf(from));
    const candidates = served.isStoredForm ? entries : entries.map((entry) => served.show(entry));
    return { candidates, remaining: 0 };
  }
  try {
    const { items, remaining } = await state.history.range({
      prefix: resource.prefix + prefix,
      start: resource.prefix + from,
      revision,
      // What a selector will leave of them nobody knows before they are read.
      ...(selection.isEverything && options.limit > 0 && { limit: options.limit }),
    });
    const candidates = items.map(({ key, value, modRevision }) =>
      served.show(makeEntry({ key: key.slice(resource.prefix.length), value, revision: modRevision })),
    );
    return { candidates, remaining };
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw start === '' ? expired('The resourceVersion for the provided list is too old.') : tokenExpired(start);
  }
}

function isUnchangedSince(resource: ResourceState, revision: number): boolean {
  return resource.eventsAfter(revision)?.length === 0;
}

function relativeKey(key: string, namespace: string | undefined): string {
  return namespace === undefined ? key : key.slice(namespace.length + 1);
}

const TOKEN_VERSION = 'meta.k8s.io/v1';

function formatToken(revision: number, start: string): string {
  return Buffer.from(JSON.stringify({ v: TOKEN_VERSION, rv: revision, start })).toString('base64url');
}

function parseToken(text: string): { revision: number; start: string } {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>;
    if (v !== TOKEN_VERSION) throw new Error(`server does not recognize this encoded version "${v}"`);
    if (typeof rv !== 'number' || !Number.isInteger(rv) || rv === 0)
      throw new Error('incorrect encoded resourceVersion');
    if (typeof start !== 'string' || start === '' || start.split('/').includes('..')) {
      throw new Error('incorrect encoded start');
    }
    return { revision: rv, start };
  } catch (error) {
    throw badRequest(`continue key is not valid: ${(error as Error).message}`, error);
  }
}

function tokenExpired(start: string) {
  const message =
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';
  const error = statusError({ code: 410, reason: 'Expired', message });
  Object.assign(error.status, { metadata: { continue: formatToken(-1, start) } });
  return error;
}
