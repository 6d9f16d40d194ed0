import { namespaceLifecycle } from './namespace-lifecycle.ts';
import type { AdmissionDeps, AdmissionPlugin } from './plugin.ts';

/** In execution order, which is upstream's. Order is part of the contract. */
export const allPlugins: readonly ((deps: AdmissionDeps) => AdmissionPlugin)[] = [namespaceLifecycle];
