import type { Pod } from '#api/core/v1.ts';
import { LABEL, type Labels, type PodIdentity } from '../pod-names.ts';

/** A pod as far as the labels of its containers tell: enough to end it in good order when the API has forgotten it. */
export function podFromLabels({ uid, name, namespace }: PodIdentity, labels: readonly Labels[]): Pod {
  const containers = new Set(labels.flatMap((each) => each[LABEL.container] ?? []));
  const grace = labels.map((each) => each[LABEL.graceSeconds]).find((text) => text !== undefined);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { uid, name, namespace },
    spec: {
      containers: [...containers].map((container) => ({ name: container })),
      terminationGracePeriodSeconds: Number.parseInt(grace ?? '30', 10) || 0,
      restartPolicy: 'Never',
    },
  };
}
