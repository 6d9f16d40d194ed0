import { parseArgs } from 'node:util';
import { allBenchmarks } from './all.ts';
import { type MeasurementLine, measure } from './benchmark.ts';

const USAGE = `usage: npm run bench -- NAME... [--json]

  --json   one JSON object per line: name, value, unit, reference, ratio
`;

/** Runs the named benchmarks one after the other; returns the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const { names, json } = parse(args);
  const chosen = allBenchmarks.filter(({ name }) => names.includes(name));
  const unknown = names.filter((name) => chosen.every((benchmark) => benchmark.name !== name));
  if (names.length === 0 || unknown.length > 0) {
    for (const name of unknown) process.stderr.write(`unknown benchmark "${name}"\n`);
    process.stderr.write(
      `${USAGE}\n${allBenchmarks.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}\n`).join('')}`,
    );
    return 2;
  }
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort(new Error(name)));
  const note = (text: string) => void process.stderr.write(`# ${text}\n`);
  if (!json) process.stdout.write(row(['name', 'value', 'unit', 'reference', 'ratio']));
  for (const benchmark of chosen) {
    for await (const line of measure(benchmark, { signal: interrupt.signal, note })) {
      process.stdout.write(json ? `${JSON.stringify(line)}\n` : toRow(line));
    }
  }
  return 0;
}

function parse(args: readonly string[]): { names: string[]; json: boolean } {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false } },
  });
  return { names: positionals, json: values.json };
}

function toRow({ name, value, unit, reference, ratio }: MeasurementLine): string {
  return row([
    name,
    String(value),
    unit,
    reference === null ? '-' : String(reference),
    ratio === null ? '-' : ratio.toFixed(2),
  ]);
}

function row([name = '', value = '', unit = '', reference = '', ratio = '']: string[]): string {
  return `${name.padEnd(26)}${value.padStart(14)} ${unit.padEnd(12)}${reference.padStart(14)}${ratio.padStart(8)}\n`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  process.exitCode = 1;
}
