import { defaultPersistentVolumeClaim, defaultPodTemplate } from '../core/defaults.ts';
import { fill } from '../schema/fill.ts';
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from './v1.ts';

const REVISIONS = 10;

/** Modifies. */
export function defaultDeployment({ spec }: Deployment): void {
  if (spec === undefined) return;
  fill(spec, { replicas: 1, strategy: {}, revisionHistoryLimit: REVISIONS, progressDeadlineSeconds: 600 });
  const { strategy = {} } = spec;
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy.type === 'RollingUpdate') {
    fill(strategy, { rollingUpdate: {} });
    fill(strategy.rollingUpdate ?? {}, { maxUnavailable: '25%', maxSurge: '25%' });
  }
  if (spec.template !== undefined) defaultPodTemplate(spec.template);
}

/** Modifies. */
export function defaultReplicaSet({ spec }: ReplicaSet): void {
  if (spec === undefined) return;
  fill(spec, { replicas: 1 });
  if (spec.template !== undefined) defaultPodTemplate(spec.template);
}

/** Modifies. */
export function defaultDaemonSet({ spec }: DaemonSet): void {
  if (spec === undefined) return;
  fill(spec, { updateStrategy: {}, revisionHistoryLimit: REVISIONS });
  const { updateStrategy = {} } = spec;
  fill(updateStrategy, { type: 'RollingUpdate' });
  if (updateStrategy.type === 'RollingUpdate') {
    fill(updateStrategy, { rollingUpdate: {} });
    fill(updateStrategy.rollingUpdate ?? {}, { maxUnavailable: 1, maxSurge: 0 });
  }
  if (spec.template !== undefined) defaultPodTemplate(spec.template);
}

/** Modifies. */
export function defaultStatefulSet({ spec }: StatefulSet): void {
  if (spec === undefined) return;
  fill(spec, {
    podManagementPolicy: 'OrderedReady',
    replicas: 1,
    revisionHistoryLimit: REVISIONS,
    updateStrategy: {},
    persistentVolumeClaimRetentionPolicy: {},
  });
  const { updateStrategy = {} } = spec;
  fill(updateStrategy, { type: 'RollingUpdate' });
  if (updateStrategy.type === 'RollingUpdate') {
    fill(updateStrategy, { rollingUpdate: {} });
    fill(updateStrategy.rollingUpdate ?? {}, { partition: 0 });
  }
  fill(spec.persistentVolumeClaimRetentionPolicy ?? {}, { whenDeleted: 'Retain', whenScaled: 'Retain' });
  if (spec.template !== undefined) defaultPodTemplate(spec.template);
  for (const claim of spec.volumeClaimTemplates ?? []) {
    fill(claim, { apiVersion: 'v1', kind: 'PersistentVolumeClaim' });
    defaultPersistentVolumeClaim(claim);
  }
}
