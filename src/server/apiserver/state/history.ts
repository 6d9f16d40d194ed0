import type { KvStore, StoreEvent } from '#kvstore/kvstore.ts';
import { atRevision, makeEntry, type ResourceEvent } from './entry.ts';

/** The events of one resource after one revision and up to another, from the store. Throws `CompactedError`. */
export async function eventsFromStore(
  store: Pick<KvStore, 'watch'>,
  { prefix, after, through }: { prefix: string; after: number; through: number },
): Promise<readonly ResourceEvent[]> {
  const found: ResourceEvent[] = [];
  const stop = await store.watch({ prefix, afterRevision: after }, (events) => {
    for (const event of events) {
      if (event.current.modRevision <= through) found.push(toResourceEvent(prefix, event));
    }
  });
  stop();
  return found;
}

function toResourceEvent(prefix: string, { type, current, previous }: StoreEvent): ResourceEvent {
  const key = current.key.slice(prefix.length);
  const revision = current.modRevision;
  const before =
    previous === undefined ? undefined : makeEntry({ key, value: previous.value, revision: previous.modRevision });
  if (type === 'delete') {
    const last = before ?? makeEntry({ key, value: current.value, revision });
    return { type: 'DELETED', revision, previous: last, entry: atRevision(last, current.value, revision) };
  }
  const entry = makeEntry({ key, value: current.value, revision });
  return { type: before === undefined ? 'ADDED' : 'MODIFIED', revision, previous: before, entry };
}
