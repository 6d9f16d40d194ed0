import { describe, expect, test } from 'vitest';
import { type Jump, parseSave, planJump, restoreText, targetOf } from './iptables.ts';

test('parseSave reads tables, chains and rules', () => {
  const text = `# made by iptables
*nat
:PREROUTING ACCEPT [0:0]
:OWN - [0:0]
-A PREROUTING -m comment --comment "a -j b" -j OWN
COMMIT
*filter
:INPUT DROP [1:2]
COMMIT
`;
  expect(parseSave(text)).toEqual(
    new Map([
      [
        'nat',
        new Map([
          ['PREROUTING', ['-m comment --comment "a -j b" -j OWN']],
          ['OWN', []],
        ]),
      ],
      ['filter', new Map([['INPUT', []]])],
    ]),
  );
});

test('restoreText declares chains before anything refers to them, and deletes last', () => {
  const text = restoreText({
    nat: {
      write: new Map([['NEW', ['-j OTHER']]]),
      removeRules: [{ chain: 'TOP', rule: '-j OLD' }],
      insertRules: [{ chain: 'TOP', rule: '-j NEW' }],
      appendRules: [{ chain: 'TOP', rule: '-j NEW2' }],
      removeChains: ['OLD'],
    },
    filter: {},
  });
  expect(text.split('\n')).toEqual([
    '*nat',
    ':NEW - [0:0]',
    ':OLD - [0:0]',
    '-D TOP -j OLD',
    '-A NEW -j OTHER',
    '-I TOP 1 -j NEW',
    '-A TOP -j NEW2',
    '-X OLD',
    'COMMIT',
    '',
  ]);
});

test.each([
  { rule: '-j ACCEPT', target: 'ACCEPT' },
  { rule: '-s 10.0.0.0/8 -g NEXT', target: 'NEXT' },
  { rule: '-m comment --comment "a -j B" -j C', target: 'C' },
  { rule: '-p tcp', target: undefined },
])('the target of "$rule" is $target', ({ rule, target }) => {
  expect(targetOf(rule)).toBe(target);
});

describe('planJump', () => {
  const jump: Jump = { table: 'filter', chain: 'FORWARD', rule: '-j OWN', before: ['LATER'], after: ['EARLIER'] };
  test.each([
    { name: 'inserts a missing jump', rules: ['-j DOCKER'], remove: [], insert: ['-j OWN'] },
    { name: 'leaves a jump alone', rules: ['-j DOCKER', '-j EARLIER', '-j OWN', '-j LATER'] },
    {
      name: 'moves a jump before the later one',
      rules: ['-j LATER', '-j OWN'],
      remove: ['-j OWN'],
      insert: ['-j OWN'],
    },
    { name: 'makes one of two', rules: ['-j OWN', '-j OWN'], remove: ['-j OWN', '-j OWN'], insert: ['-j OWN'] },
    {
      name: 'keeps the earlier one first',
      rules: ['-j OWN', '-j EARLIER'],
      remove: ['-j OWN', '-j EARLIER'],
      insert: ['-j OWN', '-j EARLIER'],
    },
  ])('$name', ({ rules, remove, insert }) => {
    const change = planJump(rules, jump);
    expect(change?.removeRules?.map(({ rule }) => rule)).toEqual(remove);
    expect(change?.insertRules?.map(({ rule }) => rule)).toEqual(insert);
  });
});
