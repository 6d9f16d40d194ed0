import { type Pod, pods, type Toleration } from '#api/core/v1.ts';
import { type AdmissionPlugin, concerns } from './plugin.ts';

const SECONDS = 300;
const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'] as const;

/** Lets pods stay for five minutes on a node that is lost, unless they say themselves how long. */
export function defaultTolerationSeconds(): AdmissionPlugin {
  return {
    name: 'DefaultTolerationSeconds',
    handles: (request) => (request.operation === 'CREATE' || request.operation === 'UPDATE') && concerns(request, pods),
    mutate({ object }) {
      const pod = object as Pod;
      const { tolerations = [] } = pod.spec;
      const missing = TAINTS.filter((taint) => !tolerations.some((toleration) => covers(toleration, taint)));
      if (missing.length === 0) return;
      const added = missing.map((key) => ({
        key,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: SECONDS,
      }));
      pod.spec = { ...pod.spec, tolerations: [...tolerations, ...added] };
    },
  };
}

function covers({ key = '', effect = '' }: Toleration, taint: string): boolean {
  return (key === taint || key === '') && (effect === 'NoExecute' || effect === '');
}
