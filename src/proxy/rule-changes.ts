import type { ChainRule, Chains, TableChange, TableName } from '#base/iptables.ts';
import { isProxyChain, MARK_MASQUERADE, SHARED_CHAINS } from './base-rules.ts';
import type { ServiceRules, SharedRule } from './service-rules.ts';

export type TableChanges = Partial<Record<TableName, TableChange>>;

/** What has to be done when some services' rules change; touches nothing of any other service. */
export function planChanges(
  changes: readonly { before: ServiceRules | undefined; after: ServiceRules | undefined }[],
): TableChanges {
  const write = new Map<string, readonly string[]>();
  const removeChains: string[] = [];
  const entries = { nat: emptyEntries(), filter: emptyEntries() };
  for (const { before, after } of changes) {
    for (const [chain, rules] of after?.chains ?? []) {
      if (!isSame(before?.chains.get(chain), rules)) write.set(chain, rules);
    }
    for (const chain of before?.chains.keys() ?? []) {
      if (after?.chains.has(chain) !== true) removeChains.push(chain);
    }
    const { removed, added } = difference(before?.entries ?? [], after?.entries ?? []);
    for (const entry of removed) entries[entry.table].removeRules.push(entry);
    for (const entry of added) entries[entry.table].appendRules.push(entry);
  }
  return withoutEmpty({ nat: { write, ...entries.nat, removeChains }, filter: entries.filter });
}

/** What has to be done so that the tables hold exactly this, whatever is there now. Foreign chains are left alone. */
export function planRepair(
  current: Record<TableName, Chains>,
  wanted: { base: Record<TableName, Chains>; services: Iterable<ServiceRules> },
): TableChanges {
  const services = [...wanted.services];
  const shared = services.flatMap(({ entries }) => entries);
  const own = new Map(services.flatMap(({ chains }) => [...chains]));
  const changes: Record<TableName, TableChange> = { nat: {}, filter: {} };
  for (const table of ['nat', 'filter'] as const) {
    const exact = table === 'nat' ? new Map([...wanted.base.nat, ...own]) : wanted.base.filter;
    const write = new Map([...exact].filter(([chain, rules]) => !isSame(current[table].get(chain), rules)));
    const entries = emptyEntries();
    for (const chain of SHARED_CHAINS[table] as readonly string[]) {
      const here = shared.filter((entry) => entry.table === table && entry.chain === chain);
      const there = current[table].get(chain);
      if (there === undefined) {
        write.set(
          chain,
          here.map(({ rule }) => rule),
        );
        continue;
      }
      const { removed, added } = difference(
        there.map((rule) => ({ table, chain, rule })),
        here,
      );
      entries.removeRules.push(...removed);
      entries.appendRules.push(...added);
    }
    const isWanted = (chain: string) => exact.has(chain) || (SHARED_CHAINS[table] as readonly string[]).includes(chain);
    const removeChains = [...current[table].keys()].filter((chain) => isProxyChain(chain) && !isWanted(chain));
    changes[table] = { write, ...entries, removeChains };
  }
  return withoutEmpty(changes);
}

/**
 * Cuts a big change into transactions of at most `size` chains, in an order in which none refers to a chain that is not
 * there yet. The time iptables takes for one transaction grows with the square of its size.
 */
export function inSlices(changes: TableChanges, size: number): TableChanges[] {
  const { write = new Map<string, readonly string[]>(), ...rest } = changes.nat ?? {};
  if (write.size <= size) return Object.keys(changes).length === 0 ? [] : [changes];
  const chains = [...write].sort(([a], [b]) => levelOf(a) - levelOf(b));
  const slices: TableChanges[] = [];
  for (let start = 0; start < chains.length; start += size) {
    slices.push({ nat: { write: new Map(chains.slice(start, start + size)) } });
  }
  return [...slices, withoutEmpty({ ...changes, nat: rest })];
}

/** Chains of one level lead only to chains of lower ones. */
function levelOf(chain: string): number {
  const level = [MARK_MASQUERADE, 'SKIFF-SEP-', 'SKIFF-SV', 'SKIFF-EXT-', 'SKIFF-FW-'].findIndex((prefix) =>
    chain.startsWith(prefix),
  );
  if (level >= 0) return level;
  return (SHARED_CHAINS.nat as readonly string[]).includes(chain) ? 8 : 9;
}

function emptyEntries() {
  return { removeRules: [] as ChainRule[], appendRules: [] as ChainRule[] };
}

/** As multisets: a rule that is there twice and wanted once is removed once. */
function difference(before: readonly SharedRule[], after: readonly SharedRule[]) {
  const idOf = ({ table, chain, rule }: SharedRule) => `${table} ${chain} ${rule}`;
  const left = new Map<string, number>();
  for (const entry of before) left.set(idOf(entry), (left.get(idOf(entry)) ?? 0) + 1);
  const take = (entry: SharedRule) => {
    const count = left.get(idOf(entry)) ?? 0;
    if (count > 0) left.set(idOf(entry), count - 1);
    return count > 0;
  };
  const added = after.filter((entry) => !take(entry));
  const removed = before.filter((entry) => take(entry));
  return { removed, added };
}

function isSame(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a !== undefined && a.length === b.length && a.every((rule, index) => rule === b[index]);
}

function withoutEmpty(changes: TableChanges): TableChanges {
  const isEmpty = ({ write, removeRules = [], appendRules = [], removeChains = [] }: TableChange) =>
    (write?.size ?? 0) + removeRules.length + appendRules.length + removeChains.length === 0;
  return Object.fromEntries(Object.entries(changes).filter(([, change]) => !isEmpty(change)));
}
