import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** One number. The reference was measured in the same run, under the same conditions. */
export interface Measurement {
  name: string;
  value: number;
  unit: string;
  reference?: number;
}

/** One line of `--json` output. */
export interface MeasurementLine {
  name: string;
  value: number;
  unit: string;
  reference: number | null;
  ratio: number | null;
}

export interface BenchContext {
  /** Aborts when the run is interrupted. */
  signal: AbortSignal;
  /** An empty folder on a real disk, removed after the benchmark. */
  folder: string;
  /** Says something to the reader; never part of the JSON. */
  note(text: string): void;
  /** Runs at the end of the benchmark, last one first, also after a failure: for children, servers, mounts. */
  onEnd(cleanUp: () => Promise<unknown> | unknown): void;
}

/** A benchmark yields its measurements as they come and leaves nothing behind. */
export interface Benchmark {
  name: string;
  summary: string;
  run(ctx: BenchContext): AsyncIterable<Measurement>;
}

/** Runs one benchmark and yields its lines; cleans up whatever happens. */
export async function* measure(
  benchmark: Benchmark,
  { signal, note }: Pick<BenchContext, 'signal' | 'note'>,
): AsyncIterable<MeasurementLine> {
  const cleanUps: (() => Promise<unknown> | unknown)[] = [];
  const folder = await makeFolder(benchmark.name);
  try {
    for await (const measurement of benchmark.run({
      signal,
      note,
      folder,
      onEnd: (cleanUp) => cleanUps.push(cleanUp),
    })) {
      yield toLine(measurement);
    }
  } finally {
    for (const cleanUp of cleanUps.toReversed()) {
      await Promise.resolve()
        .then(cleanUp)
        .catch((error) => note(`clean-up failed: ${error}`));
    }
    await rm(folder, { recursive: true, force: true });
  }
}

function toLine({ name, value, unit, reference }: Measurement): MeasurementLine {
  const ratio = reference === undefined || reference === 0 ? null : round(value / reference, 3);
  return { name, value: round(value, 2), unit, reference: reference === undefined ? null : round(reference, 2), ratio };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

const TMPFS = 0x01021994;

/** Where the temporary folder is in memory, syncing costs nothing and would flatter every store: use the checkout's disk. */
async function makeFolder(name: string): Promise<string> {
  const isMemory = (await statfs(tmpdir())).type === TMPFS;
  const parent = isMemory ? resolve(import.meta.dirname, '../../.cache/bench') : tmpdir();
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, `skiff-bench-${name}-`));
}
