import type { Benchmark } from './benchmark.ts';
import { pods } from './pods.ts';
import { store } from './store.ts';

/** Every benchmark, by the name that `npm run bench -- NAME` takes. */
export const allBenchmarks: readonly Benchmark[] = [store, pods];
