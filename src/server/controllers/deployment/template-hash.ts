import type { PodTemplateSpec } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';

/** Label that keeps the pods of a deployment's ReplicaSets apart. */
export const TEMPLATE_HASH = 'pod-template-hash';

/** Letters and digits that cannot spell anything. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** A short name for a template; `collisions` makes another one for the same template. Keys' order does not matter. */
export function templateHash(template: PodTemplateSpec, collisions = 0): string {
  // FNV-1a, 32 bit.
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(`${canonical(template)}${collisions === 0 ? '' : collisions}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return String(hash).replace(/./g, (digit) => ALPHABET[Number(digit)] ?? '');
}

/** Whether two templates make the same pods, the hash label apart. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return deepEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  if (template?.metadata?.labels?.[TEMPLATE_HASH] === undefined) return template;
  const { [TEMPLATE_HASH]: _hash, ...labels } = template.metadata.labels;
  return { ...template, metadata: { ...template.metadata, labels } };
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
