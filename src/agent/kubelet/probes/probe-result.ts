import type { Probe } from '#api/core/v1.ts';

/** `error` says nothing about the container: the check itself could not be made. */
export interface ProbeResult {
  readonly outcome: 'success' | 'failure' | 'error';
  /** For the event. */
  readonly output: string;
}

/** How many results of one kind have come in a row. */
export interface ProbeStreak {
  readonly outcome: 'success' | 'failure' | undefined;
  readonly count: number;
}

export const NO_STREAK: ProbeStreak = { outcome: undefined, count: 0 };

/** The streak after a result, and the verdict once it is long enough. Errors count for nothing. */
export function judge(
  streak: ProbeStreak,
  { outcome }: Pick<ProbeResult, 'outcome'>,
  { successThreshold = 1, failureThreshold = 3 }: Probe,
): { streak: ProbeStreak; verdict: 'success' | 'failure' | undefined } {
  if (outcome === 'error') return { streak, verdict: undefined };
  const next: ProbeStreak = { outcome, count: streak.outcome === outcome ? streak.count + 1 : 1 };
  const threshold = outcome === 'success' ? successThreshold : failureThreshold;
  return { streak: next, verdict: next.count >= threshold ? outcome : undefined };
}
