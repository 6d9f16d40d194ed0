import { expect, test } from 'vitest';
import { explainFailure } from './store-errors.ts';

const failure = (code: string, message = 'as SQLite says') => Object.assign(new Error(message), { code });

test.each([
  {
    name: 'busy',
    action: 'open',
    error: failure('SQLITE_BUSY'),
    says: 'Cannot open the database "/x/db": another skiff is using it',
  },
  {
    name: 'full',
    action: 'write',
    error: failure('SQLITE_FULL'),
    says: 'Cannot write to the database "/x/db": the disk is full; free some space on the file system of "/x"',
  },
  { name: 'an extended code', action: 'write', error: failure('SQLITE_READONLY_DBMOVED'), says: 'it is read-only' },
  {
    name: 'a failing disk',
    action: 'read',
    error: failure('SQLITE_IOERR_READ', 'disk I/O error'),
    says: 'Cannot read the database "/x/db": the disk reports an error (disk I/O error)',
  },
  {
    name: 'an error of the file system',
    action: 'open',
    error: failure('EROFS'),
    says: 'the file system of "/x" is read-only',
  },
  {
    name: 'an unknown error, as it is',
    action: 'open',
    error: new Error('what?'),
    says: 'Cannot open the database "/x/db": what?',
  },
  { name: 'something thrown', action: 'open', error: 'what?', says: 'Cannot open the database "/x/db": what?' },
] as const)('$name', ({ action, error, says }) => {
  expect(explainFailure(action, '/x/db', error)).toContain(says);
});

test('asks what is damaged only when something is', () => {
  const damage = () => 'page 7 is lost';
  expect(explainFailure('read', '/x/db', failure('SQLITE_CORRUPT_INDEX'), { damage })).toContain(
    'damaged (page 7 is lost)',
  );
  expect(
    explainFailure('read', '/x/db', failure('SQLITE_CORRUPT', 'malformed'), { damage: () => undefined }),
  ).toContain('damaged (malformed)');
  expect(explainFailure('read', '/x/db', failure('SQLITE_FULL'), { damage })).not.toContain('page 7');
});
