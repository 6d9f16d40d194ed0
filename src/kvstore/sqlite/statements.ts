import type Database from 'better-sqlite3';

type Bytes = Uint8Array | null;

/** The keys between two bounds that are alive now; takes the bounds twice. */
const PRESENT = `
  select key, create_revision, mod_revision from current c
    where key >= ? and key < ? and not exists (select 1 from recent r where r.key = c.key)
  union all
  select key, create_revision, mod_revision from recent
    where key >= ? and key < ? and mod_revision > 0`;

/** Compiles every statement the store uses; rows come as arrays in the order of the columns. */
export function prepareStatements(db: Database.Database) {
  const rows = <Parameters extends unknown[], Row>(sql: string) => db.prepare<Parameters, Row>(sql).raw();
  const command = <Parameters extends unknown[]>(sql: string) => db.prepare<Parameters>(sql);
  return {
    begin: command<[]>('begin immediate'),
    commit: command<[]>('commit'),
    rollback: command<[]>('rollback'),
    checkpoint: rows<[], [busy: number, logged: number, copied: number]>('pragma wal_checkpoint(passive)'),

    meta: rows<[], [compacted: number, trimmed: number, indexed: number]>(
      'select compacted_revision, trimmed_revision, indexed_revision from meta',
    ),
    newest: rows<[], [revision: number]>('select revision from history order by revision desc limit 1'),
    setCompacted: command<[revision: number]>('update meta set compacted_revision = ?'),
    setTrimmed: command<[revision: number]>('update meta set trimmed_revision = ?'),
    setIndexed: command<[revision: number]>('update meta set indexed_revision = ?'),

    append: command<
      [
        revision: number,
        key: string,
        createRevision: number,
        prevRevision: number,
        expiresAt: number | null,
        value: Bytes,
      ]
    >(
      `insert into history (revision, key, create_revision, prev_revision, expires_at, value)
       values (?, ?, ?, ?, ?, ?)`,
    ),
    find: rows<[key: string], [createRevision: number, modRevision: number, expiresAt: number | null]>(
      'select create_revision, mod_revision, expires_at from current where key = ?',
    ),
    valueAt: rows<[revision: number], [value: Buffer]>('select value from history where revision = ?'),

    unindexed: rows<
      [after: number],
      [key: string, createRevision: number, revision: number, expiresAt: number | null, isDelete: number]
    >(
      `select key, create_revision, revision, expires_at, value is null from history
       where revision > ? order by revision`,
    ),
    index: command<[key: string, createRevision: number, modRevision: number, expiresAt: number | null]>(
      `insert into current (key, create_revision, mod_revision, expires_at) values (?, ?, ?, ?)
       on conflict (key) do update set
         create_revision = excluded.create_revision,
         mod_revision = excluded.mod_revision,
         expires_at = excluded.expires_at`,
    ),
    unindex: command<[key: string]>('delete from current where key = ?'),
    clearRecent: command<[]>('delete from recent'),
    addRecent: command<[key: string, createRevision: number, modRevision: number]>(
      'insert into recent (key, create_revision, mod_revision) values (?, ?, ?)',
    ),

    range: rows<
      [from: string, to: string | Buffer, from: string, to: string | Buffer, limit: number],
      [string, number, number, Buffer]
    >(
      `select p.key, p.create_revision, p.mod_revision, h.value
       from (${PRESENT} order by key limit ?) p join history h on h.revision = p.mod_revision
       order by p.key`,
    ),
    count: rows<[from: string, to: string | Buffer, from: string, to: string | Buffer], [count: number]>(
      `select count(*) from (${PRESENT})`,
    ),
    version: rows<[revision: number], [string, number, number, Buffer]>(
      'select key, create_revision, revision, value from history where revision = ?',
    ),
    // The present state rewound: a key's first change after the revision names the version before it. (SQLite takes a
    // bare column from the row that has the minimum.)
    rangeInHistory: rows<
      [
        after: number,
        from: string,
        to: string | Buffer,
        from: string,
        to: string | Buffer,
        from: string,
        to: string | Buffer,
        until: number,
      ],
      [revision: number]
    >(
      `with changed as (
         select key, min(revision), prev_revision from history
         where revision > ? and key >= ? and key < ? group by key
       )
       select revision from (
         select key, mod_revision as revision from (${PRESENT}) where mod_revision <= ?
         union all
         select key, prev_revision from changed where prev_revision > 0
       ) order by key`,
    ),
    replay: rows<
      [after: number, from: string, to: string | Buffer, limit: number],
      [
        revision: number,
        key: string,
        createRevision: number,
        prevRevision: number,
        value: Buffer | null,
        previousValue: Buffer | null,
        previousCreateRevision: number | null,
      ]
    >(
      `select h.revision, h.key, h.create_revision, h.prev_revision, h.value, p.value, p.create_revision
       from history h left join history p on p.revision = h.prev_revision
       where h.revision > ? and h.key >= ? and h.key < ? order by h.revision limit ?`,
    ),
    garbage: rows<
      [after: number, until: number, limit: number],
      [revision: number, prevRevision: number, isDelete: number]
    >(
      `select revision, prev_revision, value is null from history
       where revision > ? and revision <= ? order by revision limit ?`,
    ),
    forget: command<[revision: number]>('delete from history where revision = ?'),

    expired: rows<[now: number, limit: number], [key: string]>(
      'select key from current where expires_at <= ? order by expires_at limit ?',
    ),
    nextExpiry: rows<[], [expiresAt: number]>(
      'select expires_at from current where expires_at is not null order by expires_at limit 1',
    ),
  };
}

export type Statements = ReturnType<typeof prepareStatements>;
