import { type RunOptions, run } from './process.ts';

/** Runs a program and returns what it printed; `run`, or a double that enters a network namespace first. */
export type Exec = (file: string, args: readonly string[], options?: RunOptions) => Promise<string>;

export type TableName = 'nat' | 'filter';

/** Chains of one table: name to rules in the words of `iptables-save`, without the leading `-A CHAIN`. */
export type Chains = ReadonlyMap<string, readonly string[]>;

/** What one transaction does to a table, in this order. */
export interface TableChange {
  /** Chains that get exactly these rules, made when missing. */
  readonly write?: Chains;
  /** Single rules taken out of chains that stay; each must be there. */
  readonly removeRules?: readonly ChainRule[];
  /** Single rules put first. */
  readonly insertRules?: readonly ChainRule[];
  /** Single rules put last. */
  readonly appendRules?: readonly ChainRule[];
  /** Chains to delete; nothing else may refer to them by then. */
  readonly removeChains?: readonly string[];
}

export interface ChainRule {
  readonly chain: string;
  readonly rule: string;
}

/** A rule in a chain that is not ours, which leads into one of ours. */
export interface Jump extends ChainRule {
  readonly table: TableName;
  /** Leave it out when `chain` does not exist; otherwise that is an error. */
  readonly isOptional?: boolean;
  /** Own chains whose jumps must come later in the same chain. */
  readonly before?: readonly string[];
  /** Own chains whose jumps must come earlier in the same chain. */
  readonly after?: readonly string[];
}

const WAIT_SECONDS = '10';

/** The kernel's IPv4 packet rules, through whichever iptables is on PATH. Every change is one transaction. */
export class Iptables {
  readonly #exec: Exec;

  constructor(exec: Exec = run) {
    this.#exec = exec;
  }

  /** All chains of a table. */
  async save(table: TableName): Promise<Map<string, string[]>> {
    return parseSave(await this.#exec('iptables-save', ['-t', table])).get(table) ?? new Map();
  }

  /** The rules of one chain, or undefined if there is no such chain. */
  async list({ table, chain }: { table: TableName; chain: string }): Promise<string[] | undefined> {
    try {
      const text = await this.#exec('iptables', ['--wait', WAIT_SECONDS, '-t', table, '-S', chain]);
      return parseRules(text).get(chain) ?? [];
    } catch (error) {
      // The nft variant calls a missing chain incompatible.
      if (error instanceof Error && /No chain|does not exist|doesn't exist|is incompatible/.test(error.message))
        return undefined;
      throw error;
    }
  }

  async apply(changes: Partial<Record<TableName, TableChange>>): Promise<void> {
    const input = restoreText(changes);
    if (input === '') return;
    await this.#exec('iptables-restore', ['--noflush', '--wait', WAIT_SECONDS], { input });
  }

  /** Puts missing or misplaced jumps first in their chains. True if there was something to repair. */
  async ensureJumps(jumps: readonly Jump[]): Promise<boolean> {
    let hasChanged = false;
    for (const jump of jumps) {
      const rules = await this.list(jump);
      if (rules === undefined && jump.isOptional === true) continue;
      const change = planJump(rules ?? [], jump);
      if (change === undefined) continue;
      await this.apply({ [jump.table]: change });
      hasChanged = true;
    }
    return hasChanged;
  }

  /** Removes every chain whose name `isOwn` claims, and every rule elsewhere that leads into one. */
  async removeChains(isOwn: (chain: string) => boolean): Promise<void> {
    for (const table of ['nat', 'filter'] as const) {
      const change = planRemoval(await this.save(table), isOwn);
      if (change !== undefined) await this.apply({ [table]: change });
    }
  }
}

/** Reads the output of `iptables-save`. */
export function parseSave(text: string): Map<string, Map<string, string[]>> {
  const tables = new Map<string, Map<string, string[]>>();
  for (const block of text.split(/^\*/m).slice(1)) {
    const end = block.indexOf('\n');
    tables.set(block.slice(0, end).trim(), parseRules(block.slice(end + 1)));
  }
  return tables;
}

function parseRules(text: string): Map<string, string[]> {
  const chains = new Map<string, string[]>();
  const rulesOf = (chain: string) => {
    const rules = chains.get(chain) ?? [];
    chains.set(chain, rules);
    return rules;
  };
  for (const line of text.split('\n')) {
    const [, declared] = /^(?::|-N |-P )(\S+)/.exec(line) ?? [];
    if (declared !== undefined) rulesOf(declared);
    const [, chain, rule] = /^-A (\S+) ?(.*)$/.exec(line) ?? [];
    if (chain !== undefined && rule !== undefined) rulesOf(chain).push(rule.trim());
  }
  return chains;
}

/** The chain a rule leads into, or its other target (`ACCEPT`, `DNAT`...). */
export function targetOf(rule: string): string | undefined {
  return /(?:^| )-[jg] (\S+)/.exec(rule.replaceAll(/"[^"]*"/g, '""'))?.[1];
}

/** Input for `iptables-restore --noflush`; empty if nothing is to be done. */
export function restoreText(changes: Partial<Record<TableName, TableChange>>): string {
  let text = '';
  for (const [table, change] of Object.entries(changes)) {
    const lines = tableLines(change);
    if (lines.length > 0) text += `*${table}\n${lines.join('\n')}\nCOMMIT\n`;
  }
  return text;
}

function tableLines(change: TableChange): string[] {
  const { write = new Map(), removeRules = [], insertRules = [], appendRules = [], removeChains = [] } = change;
  const lines: string[] = [];
  // Declaring a chain empties it, and everything that refers to it must come later.
  for (const chain of write.keys()) lines.push(`:${chain} - [0:0]`);
  for (const chain of removeChains) lines.push(`:${chain} - [0:0]`);
  for (const { chain, rule } of removeRules) lines.push(`-D ${chain} ${rule}`);
  for (const [chain, rules] of write) for (const rule of rules) lines.push(`-A ${chain} ${rule}`);
  for (const { chain, rule } of insertRules) lines.push(`-I ${chain} 1 ${rule}`);
  for (const { chain, rule } of appendRules) lines.push(`-A ${chain} ${rule}`);
  for (const chain of removeChains) lines.push(`-X ${chain}`);
  return lines;
}

/** What brings a jump to its place; undefined if it is there. */
export function planJump(
  rules: readonly string[],
  { chain, rule, before = [], after = [] }: Jump,
): TableChange | undefined {
  const targets = rules.map(targetOf);
  const found = rules.flatMap((candidate, index) => (candidate === rule ? [index] : []));
  const [at] = found;
  const isInPlace = (index: number) =>
    !targets.some((target, other) => target !== undefined && other < index && before.includes(target)) &&
    !targets.some((target, other) => target !== undefined && other > index && after.includes(target));
  if (at !== undefined && found.length === 1 && isInPlace(at)) return undefined;
  // Those that belong before it are taken out and put first again after it.
  const earlier = rules.filter((_, index) => after.includes(targets[index] ?? ''));
  return {
    removeRules: [...found.map(() => rule), ...earlier].map((text) => ({ chain, rule: text })),
    insertRules: [rule, ...earlier.toReversed()].map((text) => ({ chain, rule: text })),
  };
}

function planRemoval(chains: Chains, isOwn: (chain: string) => boolean): TableChange | undefined {
  const removeChains = [...chains.keys()].filter(isOwn);
  if (removeChains.length === 0) return undefined;
  const removeRules = [...chains]
    .filter(([chain]) => !isOwn(chain))
    .flatMap(([chain, rules]) => rules.filter((rule) => isOwn(targetOf(rule) ?? '')).map((rule) => ({ chain, rule })));
  return { removeRules, removeChains };
}
