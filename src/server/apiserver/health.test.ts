import { expect, test } from 'vitest';
import { reportHealth } from './health.ts';

const checks = [
  { name: 'ping', check: () => undefined },
  { name: 'disk', check: () => 'it is full' },
];
const report = (query: string, only?: string) =>
  reportHealth(checks, { endpoint: 'readyz', only, query: new URLSearchParams(query) });

test.each([
  { query: '', only: 'ping', code: 200, text: 'ok' },
  { query: 'exclude=disk', only: undefined, code: 200, text: 'ok' },
  {
    query: 'exclude=disk&verbose',
    only: undefined,
    code: 200,
    text: '[+]ping ok\n[+]disk excluded: ok\nreadyz check passed\n',
  },
  {
    query: '',
    only: undefined,
    code: 500,
    text: '[+]ping ok\n[-]disk failed: reason withheld\nreadyz check failed\n',
  },
  {
    query: 'exclude=disk&exclude=nope&verbose',
    only: undefined,
    code: 200,
    text: '[+]ping ok\n[+]disk excluded: ok\nwarn: some health checks cannot be excluded: no matches for "nope"\nreadyz check passed\n',
  },
])('$only?$query', ({ query, only, code, text }) => {
  expect(report(query, only)).toMatchObject({ code, text });
});

test('the reason is for the log alone', () => {
  expect(report('')?.failures).toEqual([{ name: 'disk', reason: 'it is full' }]);
});

test('there is no such check', () => expect(report('', 'nope')).toBeUndefined());
