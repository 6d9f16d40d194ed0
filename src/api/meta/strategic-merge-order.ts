/**
 * Orders a merged list: items the patch names stand in the patch's order, items only the server has keep theirs, and the
 * two are interleaved so that a server item comes before the first patched item that followed it in the live list.
 */
export function mergeOrders(
  merged: readonly unknown[],
  patchOrder: readonly unknown[],
  liveOrder: readonly unknown[],
  keyOf: (item: unknown) => unknown,
): unknown[] {
  const inPatch = positions(patchOrder, keyOf);
  const inLive = positions(liveOrder, keyOf);
  const patched = sortedBy(
    merged.filter((item) => inPatch.has(keyOf(item))),
    inPatch,
    keyOf,
  );
  const serverOnly = sortedBy(
    merged.filter((item) => !inPatch.has(keyOf(item))),
    inLive,
    keyOf,
  );
  const result: unknown[] = [];
  let next = 0;
  for (const item of serverOnly) {
    const position = inLive.get(keyOf(item)) ?? Number.POSITIVE_INFINITY;
    while (next < patched.length && !(position < (inLive.get(keyOf(patched[next])) ?? -1))) {
      result.push(patched[next++]);
    }
    result.push(item);
  }
  return [...result, ...patched.slice(next)];
}

function positions(items: readonly unknown[], keyOf: (item: unknown) => unknown): Map<unknown, number> {
  const map = new Map<unknown, number>();
  for (const [index, item] of items.entries()) {
    const key = keyOf(item);
    if (!map.has(key)) map.set(key, index);
  }
  return map;
}

function sortedBy(items: unknown[], order: ReadonlyMap<unknown, number>, keyOf: (item: unknown) => unknown): unknown[] {
  const rank = (item: unknown) => order.get(keyOf(item)) ?? Number.POSITIVE_INFINITY;
  return items.sort((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}
