import { dirname } from 'node:path';
import type Database from 'better-sqlite3';

/** What to do about each kind of SQLite failure, by the start of its code. */
const CAUSES: readonly (readonly [code: string, explain: (path: string, detail: string) => string])[] = [
  ['SQLITE_BUSY', () => 'another skiff is using it; stop that one, or give this one a data folder of its own'],
  [
    'SQLITE_FULL',
    (path) => `the disk is full; free some space on the file system of "${dirname(path)}", no restart is needed`,
  ],
  ['SQLITE_READONLY', (path) => `it is read-only; make "${dirname(path)}" and the files in it writable for this user`],
  ['SQLITE_PERM', (path) => `permission denied; make "${dirname(path)}" and the files in it writable for this user`],
  [
    'SQLITE_CANTOPEN',
    (path) => `it cannot be opened; check that "${dirname(path)}" is a folder this user may write to`,
  ],
  ['SQLITE_NOTADB', () => `the file is not a skiff database; ${restoreAdvice()}`],
  ['SQLITE_CORRUPT', (_path, detail) => `the file is damaged (${detail}); ${restoreAdvice()}`],
  ['SQLITE_IOERR', (_path, detail) => `the disk reports an error (${detail}); check it, for example with "dmesg"`],
  ['SQLITE_NOMEM', () => 'there is not enough memory'],
  ['ENOSPC', (path) => `the disk is full; free some space on the file system of "${dirname(path)}"`],
  ['EDQUOT', (path) => `the disk quota is used up; free some space on the file system of "${dirname(path)}"`],
  [
    'EROFS',
    (path) => `the file system of "${dirname(path)}" is read-only; mount it writable or choose another data folder`,
  ],
  ['EACCES', (path) => `permission denied; make "${dirname(path)}" and the files in it writable for this user`],
  ['EPERM', (path) => `permission denied; make "${dirname(path)}" and the files in it writable for this user`],
  ['ENOTDIR', (path) => `a part of "${dirname(path)}" is a file, not a folder; choose another data folder`],
  ['EEXIST', (path) => `"${dirname(path)}" is a file, not a folder; choose another data folder`],
  ['EISDIR', () => 'it is a folder, not a file; remove it or choose another data folder'],
];

/**
 * One sentence about a failure of SQLite or the file system: what could not be done, to which file, and the cure. `damage` is
 * asked for details only when SQLite calls the file damaged.
 */
export function explainFailure(
  action: 'open' | 'read' | 'write',
  path: string,
  error: unknown,
  { damage }: { damage?: () => string | undefined } = {},
): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const cause = CAUSES.find(([start]) => code.startsWith(start));
  const said = error instanceof Error ? error.message : String(error);
  const detail = (code.startsWith('SQLITE_CORRUPT') && damage?.()) || said;
  const verb = action === 'write' ? 'write to' : action;
  return `Cannot ${verb} the database "${path}": ${cause === undefined ? said : cause[1](path, detail)}`;
}

/** The first thing that is wrong with a database, if SQLite can tell; reads the whole file. */
export function describeDamage(db: Database.Database): string | undefined {
  try {
    const found = String(db.pragma('quick_check(1)', { simple: true }));
    return found === 'ok' ? undefined : found.replace(/^\*+ .* \*+\s*/, '').trim();
  } catch {
    // Too damaged even for the check; the caller has SQLite's own words.
    return undefined;
  }
}

/** A reason of our own why the file cannot be used, where SQLite sees none. */
export class UnusableDatabaseError extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'UnusableDatabaseError';
  }
}

function restoreAdvice(): string {
  return 'restore it from a backup, or move it and its "-wal" file away to start with an empty cluster';
}
