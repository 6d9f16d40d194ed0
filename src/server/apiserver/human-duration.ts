const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

interface Step {
  /** The step covers durations below this many seconds. */
  readonly below: number;
  readonly unit: readonly [number, string];
  readonly minor?: readonly [number, string];
}

/** As kubectl's users know ages: two units while the second one still matters. */
const STEPS: readonly Step[] = [
  { below: 2 * MINUTE, unit: [1, 's'] },
  { below: 10 * MINUTE, unit: [MINUTE, 'm'], minor: [1, 's'] },
  { below: 3 * HOUR, unit: [MINUTE, 'm'] },
  { below: 8 * HOUR, unit: [HOUR, 'h'], minor: [MINUTE, 'm'] },
  { below: 2 * DAY, unit: [HOUR, 'h'] },
  { below: 8 * DAY, unit: [DAY, 'd'], minor: [HOUR, 'h'] },
  { below: 2 * YEAR, unit: [DAY, 'd'] },
  { below: 8 * YEAR, unit: [YEAR, 'y'], minor: [DAY, 'd'] },
  { below: Number.POSITIVE_INFINITY, unit: [YEAR, 'y'] },
];

/** A duration as table cells show it: `45s`, `5m30s`, `3h`, `2d4h`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  const step = STEPS.find(({ below }) => seconds < below);
  if (step === undefined) return '<unknown>';
  const [size, name] = step.unit;
  const major = `${Math.floor(seconds / size)}${name}`;
  if (step.minor === undefined) return major;
  const [minorSize, minorName] = step.minor;
  const minor = Math.floor((seconds % size) / minorSize);
  return minor === 0 ? major : `${major}${minor}${minorName}`;
}

/** Time since a timestamp of the API; `<unknown>` when it is not set. */
export function humanAge(timestamp: string | null | undefined, now: Date): string {
  if (timestamp === undefined || timestamp === null) return '<unknown>';
  return humanDuration(now.getTime() - Date.parse(timestamp));
}
