import type { Admission, AdmissionRequest } from '#api/admission/request.ts';
import type { AdmissionPlugin } from './plugin.ts';

type Step = (request: AdmissionRequest) => Promise<void> | void;

/** One admission out of many: the plugins in their order, first all that modify, then all that check. */
export function admissionChain(plugins: readonly AdmissionPlugin[]): Admission {
  return {
    mutate: sequence(plugins.map((plugin) => step(plugin, plugin.mutate?.bind(plugin)))),
    validate: sequence(plugins.map((plugin) => step(plugin, plugin.validate?.bind(plugin)))),
  };
}

function step(plugin: AdmissionPlugin, run: Step | undefined): Step | undefined {
  return run && ((request) => (plugin.handles(request) ? run(request) : undefined));
}

function sequence(all: readonly (Step | undefined)[]): (request: AdmissionRequest) => Promise<void> {
  const steps = all.filter((candidate) => candidate !== undefined);
  return async (request) => {
    for (const run of steps) {
      const waiting = run(request);
      // Most plugins decide at once; waiting for those too would cost every write a turn per plugin.
      if (waiting !== undefined) await waiting;
    }
  };
}
