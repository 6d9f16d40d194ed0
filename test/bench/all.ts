import { api } from './api.ts';
import type { Benchmark } from './benchmark.ts';
import { footprint } from './footprint.ts';
import { pods } from './pods.ts';
import { start } from './start.ts';
import { store } from './store.ts';
import { watch } from './watch.ts';

/** Every benchmark, by the name that `npm run bench -- NAME` takes. */
export const allBenchmarks: readonly Benchmark[] = [store, start, footprint, api, watch, pods];
