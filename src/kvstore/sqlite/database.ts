import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { UnusableDatabaseError } from './store-errors.ts';

/** "skif" in ASCII: tells our files from other SQLite databases. */
const APPLICATION_ID = 0x736b6966;
const SCHEMA_VERSION = 1;

/** How long to wait for a predecessor that is just going away. */
const BUSY_TIMEOUT_MS = 2_000;

// `history` holds every value once, at the revision that wrote it. `value` is last, so that the other columns are read without a
// large value's overflow pages; null marks a delete. `prev_revision` is the version that the write replaced, 0 for none.
// `current` says which versions are alive, as of `meta.indexed_revision`: a commit only appends to `history`, and many of
// them are entered here together, which spares the disk a scattered page per write.
const SCHEMA = `
  create table history (
    revision integer primary key,
    key text not null,
    create_revision integer not null,
    prev_revision integer not null,
    expires_at integer,
    value blob
  ) strict;
  create table current (
    key text primary key,
    create_revision integer not null,
    mod_revision integer not null,
    expires_at integer
  ) strict, without rowid;
  create index current_by_expiry on current (expires_at) where expires_at is not null;
  create table meta (
    id integer primary key check (id = 1),
    compacted_revision integer not null,
    trimmed_revision integer not null,
    indexed_revision integer not null
  ) strict;
  insert into meta values (1, 0, 0, 0);
  pragma application_id = ${APPLICATION_ID};
  pragma user_version = ${SCHEMA_VERSION};
`;

// What `current` does not know yet, copied here from memory before a range is read; `mod_revision` 0 marks a deleted key.
const SCRATCH = `
  pragma temp_store = memory;
  create temp table recent (
    key text primary key,
    create_revision integer not null,
    mod_revision integer not null
  ) strict, without rowid;
`;

/** Opens or creates the database, for this process alone. Throws the failure of SQLite or of the file system as it is. */
export function openDatabase(
  path: string,
  { nativeBinding }: { nativeBinding?: string | undefined } = {},
): Database.Database {
  prepareFile(path);
  const db = new Database(path, {
    timeout: BUSY_TIMEOUT_MS,
    ...(nativeBinding && { nativeBinding: loadAddon(nativeBinding) }),
  });
  try {
    configure(db);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

function configure(db: Database.Database): void {
  // Before the first read: then no other process can get in, and WAL needs no shared memory.
  db.pragma('locking_mode = exclusive');
  const isNew = requireOwnSchema(db);
  // Holds a typical object whole; a third faster here than pages of 4 KB. Only a new file takes it on.
  db.pragma('page_size = 8192');
  if (db.pragma('journal_mode = wal', { simple: true }) !== 'wal') {
    throw new UnusableDatabaseError('its file system cannot hold a write-ahead log; choose a local disk');
  }
  // The library opens an existing WAL database with NORMAL, which may lose the last commits in a power cut.
  db.pragma('synchronous = full');
  // The store makes checkpoints itself, after it has answered; this is for when its estimate is off.
  db.pragma('wal_autocheckpoint = 2000');
  db.pragma('journal_size_limit = 16777216');
  db.pragma('cache_size = -16000');
  if (isNew) db.exec(`begin immediate; ${SCHEMA} commit`);
  db.exec(SCRATCH);
}

/** Returns whether the file is empty. Reads only, so a stranger's database stays as it is. */
function requireOwnSchema(db: Database.Database): boolean {
  const applicationId = db.pragma('application_id', { simple: true });
  const version = Number(db.pragma('user_version', { simple: true }));
  const tables = Number(db.prepare('select count(*) from sqlite_schema').pluck().get());
  if (applicationId === 0 && version === 0 && tables === 0) return true;
  if (applicationId !== APPLICATION_ID) {
    throw new UnusableDatabaseError('the file belongs to another program; move it away or choose another data folder');
  }
  if (version > SCHEMA_VERSION) {
    throw new UnusableDatabaseError(
      `it was written by a newer skiff (schema ${version}, this one knows ${SCHEMA_VERSION}); use that version again or a newer one`,
    );
  }
  return false;
}

/** SQLite says little about why a file cannot be opened, so ask the file system first. */
function prepareFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    // Not by opening it: closing any descriptor of the file would drop this process's SQLite locks on it.
    accessSync(path, constants.R_OK | constants.W_OK);
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
  } else {
    // Secrets are in there; SQLite would create it readable for all.
    closeSync(openSync(path, 'wx', 0o600));
  }
}

/** Loads the addon by path, which may be a `/proc/self/fd` one without the ending that `require` insists on. */
function loadAddon(path: string): NonNullable<Database.Options['nativeBinding']> {
  const addon: { exports: unknown } = { exports: {} };
  process.dlopen(addon, path);
  // better-sqlite3 takes the loaded addon as well as its path, its types know only the path.
  return addon.exports as string;
}
