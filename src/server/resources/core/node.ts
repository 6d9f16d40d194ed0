import { defaultNode } from '#api/core/defaults.ts';
import { type Node, nodes, type Taint } from '#api/core/v1.ts';
import { deepClone, deepEqual } from '#api/meta/clone.ts';
import { validateCidr } from '#api/meta/ip.ts';
import { checkLabelValue, checkQualifiedName } from '#api/meta/names.ts';
import { duplicate, type FieldError, forbiddenField } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { NONE, UNKNOWN } from '../columns.ts';
import { checkName, each, requireName, requireOneOf } from '../validate.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';

/** Node: a machine that runs pods. */
export const nodeResource = defineResource<Node>(nodes, {
  fieldSelectors: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable === true) },
  defaults: defaultNode,
  validate: ({ spec }) => [
    ...validateTaints(spec?.taints),
    ...each(spec?.podCIDRs, 'spec.podCIDRs', (cidr, at) => validateCidr(at, cidr)),
  ],
  validateUpdate,
  columns: [
    nameColumn,
    { name: 'Status', value: statusText },
    { name: 'Roles', value: rolesText },
    ageColumn,
    { name: 'Version', value: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '' },
    { name: 'Internal-IP', priority: 1, value: (node) => addressOf(node, 'InternalIP') },
    { name: 'External-IP', priority: 1, value: (node) => addressOf(node, 'ExternalIP') },
    { name: 'OS-Image', priority: 1, value: ({ status }) => status?.nodeInfo?.osImage || UNKNOWN },
    { name: 'Kernel-Version', priority: 1, value: kernelText },
    {
      name: 'Container-Runtime',
      priority: 1,
      value: ({ status }) => status?.nodeInfo?.containerRuntimeVersion || UNKNOWN,
    },
  ],
});

function validateTaints(taints: readonly Taint[] | undefined): FieldError[] {
  const seen = new Set<string>();
  return each(taints, 'spec.taints', ({ key, value, effect }, at) => {
    const errors = [
      ...requireName(key, `${at}.key`, checkQualifiedName),
      ...checkName(value, `${at}.value`, checkLabelValue),
      ...requireOneOf(effect, `${at}.effect`, ['NoExecute', 'NoSchedule', 'PreferNoSchedule']),
    ];
    const identity = `${key}:${effect}`;
    if (seen.has(identity))
      errors.push({ ...duplicate(at, { key, effect }), detail: 'taints must be unique by key and effect pair' });
    seen.add(identity);
    return errors;
  });
}

/** Of a node's spec, only what says how it takes pods changes later; its address range and identity are given once. */
function validateUpdate(node: Node, old: Node): FieldError[] {
  const masked = deepClone(node.spec ?? {});
  const before = old.spec ?? {};
  for (const field of ['taints', 'unschedulable', 'configSource'] as const)
    Object.assign(masked, { [field]: before[field] });
  const once = ['podCIDR', 'podCIDRs', 'providerID'] as const;
  for (const field of once) {
    const isNew = before[field] === undefined || before[field].length === 0;
    if (isNew) Object.assign(masked, { [field]: before[field] });
  }
  if (deepEqual(masked, before)) return [];
  return [
    forbiddenField(
      'spec',
      'node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)',
    ),
  ];
}

function statusText({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const known = ready?.status === 'True' ? 'Ready' : 'NotReady';
  const word = ready === undefined ? 'Unknown' : known;
  return spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

function rolesText({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) return [key.slice(ROLE_PREFIX.length)];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  return roles.length === 0 ? NONE : [...new Set(roles)].sort().join(',');
}

function addressOf({ status }: Node, type: string): string {
  return status?.addresses?.find((address) => address.type === type)?.address ?? NONE;
}

function kernelText({ status }: Node): string {
  const { kernelVersion, architecture } = status?.nodeInfo ?? {};
  if (!kernelVersion) return UNKNOWN;
  return architecture ? `${kernelVersion} (${architecture})` : kernelVersion;
}
