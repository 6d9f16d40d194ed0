import { expect, test } from 'vitest';
import { judge, NO_STREAK, type ProbeStreak } from './probe-result.ts';

const letters = { s: 'success', f: 'failure', e: 'error' } as const;

/** Verdicts after each result, as letters; `-` is none. */
function verdicts(results: string, thresholds: { successThreshold?: number; failureThreshold?: number }): string {
  let streak: ProbeStreak = NO_STREAK;
  return [...results]
    .map((letter) => {
      const judged = judge(streak, { outcome: letters[letter as 's'] }, thresholds);
      streak = judged.streak;
      return judged.verdict?.charAt(0) ?? '-';
    })
    .join('');
}

test.each([
  { results: 'fffss', thresholds: {}, expected: '--fss' },
  { results: 'ffsff', thresholds: {}, expected: '--s--' },
  { results: 'ssfs', thresholds: { successThreshold: 2, failureThreshold: 1 }, expected: '-sf-' },
  { results: 'feff', thresholds: {}, expected: '---f' },
])('$results with $thresholds', ({ results, thresholds, expected }) => {
  expect(verdicts(results, thresholds)).toBe(expected);
});
