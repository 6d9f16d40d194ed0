/** Bounds of the five fields of a schedule; week days run to 7, which is Sunday once more. */
const FIELDS = [
  { name: 'minute', min: 0, max: 59, words: [] },
  { name: 'hour', min: 0, max: 23, words: [] },
  { name: 'day of month', min: 1, max: 31, words: [] },
  {
    name: 'month',
    min: 1,
    max: 12,
    words: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
  },
  { name: 'day of week', min: 0, max: 7, words: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] },
] as const;
const SHORTHANDS = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
const EVERY = /^@every (?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/;

/** What is wrong with a cron schedule; undefined when it can be read. */
export function scheduleProblem(schedule: string): string | undefined {
  const text = schedule.trim();
  if (text.startsWith('@'))
    return SHORTHANDS.has(text) || EVERY.test(text) ? undefined : `unrecognized descriptor: ${text}`;
  const fields = text.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== FIELDS.length)
    return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  for (const [index, bounds] of FIELDS.entries()) {
    const problem = fields[index]
      ?.split(',')
      .map((part) => partProblem(part, bounds))
      .find((found) => found !== undefined);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** `*`, `?`, `n`, `n-m`, each with an optional `/step`. */
function partProblem(part: string, { min, max, words }: (typeof FIELDS)[number]): string | undefined {
  const [range = '', step, ...rest] = part.split('/');
  if (rest.length > 0) return `too many slashes: ${part}`;
  if (step !== undefined && !(/^\d+$/.test(step) && Number(step) > 0)) return `failed to parse int from ${step}`;
  if (range === '*' || range === '?') return undefined;
  const ends = range.split('-');
  if (ends.length > 2) return `too many hyphens: ${part}`;
  const values = ends.map((end) => numberAt(end, { min, words }));
  const unreadable = ends.find((_, index) => values[index] === undefined);
  if (unreadable !== undefined) return `failed to parse int from ${unreadable}`;
  const [first = min, last = first] = values as number[];
  if (first < min) return `beginning of range (${first}) below minimum (${min}): ${part}`;
  if (last > max) return `end of range (${last}) above maximum (${max}): ${part}`;
  return first > last ? `beginning of range (${first}) beyond end of range (${last}): ${part}` : undefined;
}

function numberAt(text: string, { min, words }: { min: number; words: readonly string[] }): number | undefined {
  const index = words.indexOf(text.toLowerCase());
  if (index >= 0) return min + index;
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
