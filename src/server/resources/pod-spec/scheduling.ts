import type {
  Affinity,
  NodeAffinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from '#api/core/v1.ts';
import { checkDns1123Label, checkQualifiedName } from '#api/meta/names.ts';
import { validateLabelSelector } from '#api/meta/object-meta.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '#api/meta/validation.ts';
import { checkName, duplicates, each, positive, requireName, requireOneOf } from '../validate.ts';

const EFFECTS = ['NoExecute', 'NoSchedule', 'PreferNoSchedule'];

export function validateTolerations(tolerations: readonly Toleration[] | undefined, field: string): FieldError[] {
  return each(tolerations, field, ({ key = '', operator = '', value = '', effect = '', tolerationSeconds }, at) => {
    const errors = checkName(key, `${at}.key`, checkQualifiedName);
    if (key === '' && operator !== 'Exists') {
      errors.push(
        invalidValue(
          `${at}.operator`,
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
      errors.push(invalidValue(`${at}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
    }
    if (operator === 'Exists' && value !== '')
      errors.push(
        invalidValue(
          `${at}.operator`,
          { key, operator, value, ...(effect && { effect }) },
          "value must be empty when `operator` is 'Exists'",
        ),
      );
    if (!['', 'Equal', 'Exists'].includes(operator))
      errors.push(notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
    if (effect !== '' && !EFFECTS.includes(effect)) errors.push(notSupported(`${at}.effect`, effect, EFFECTS));
    return errors;
  });
}

export function validateAffinity(affinity: Affinity | undefined, field: string): FieldError[] {
  if (affinity === undefined) return [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  return [
    ...validateNodeAffinity(nodeAffinity, `${field}.nodeAffinity`),
    ...validatePodTerms(podAffinity, `${field}.podAffinity`),
    ...validatePodTerms(podAntiAffinity, `${field}.podAntiAffinity`),
  ];
}

function validateNodeAffinity(affinity: NodeAffinity | undefined, field: string): FieldError[] {
  if (affinity === undefined) return [];
  const {
    requiredDuringSchedulingIgnoredDuringExecution: hard,
    preferredDuringSchedulingIgnoredDuringExecution: soft,
  } = affinity;
  return [
    ...(hard === undefined
      ? []
      : validateNodeSelector(hard, `${field}.requiredDuringSchedulingIgnoredDuringExecution`)),
    ...each(soft, `${field}.preferredDuringSchedulingIgnoredDuringExecution`, ({ weight, preference }, at) => [
      ...validateWeight(weight, `${at}.weight`),
      ...validateNodeTerm(preference ?? {}, `${at}.preference`),
    ]),
  ];
}

/** Terms that choose nodes, of a pod or a volume. */
export function validateNodeSelector({ nodeSelectorTerms }: NodeSelector, field: string): FieldError[] {
  if ((nodeSelectorTerms ?? []).length === 0)
    return [required(`${field}.nodeSelectorTerms`, 'must have at least one node selector term')];
  return each(nodeSelectorTerms, `${field}.nodeSelectorTerms`, validateNodeTerm);
}

function validateNodeTerm({ matchExpressions, matchFields }: NodeSelectorTerm, field: string): FieldError[] {
  return [
    ...each(matchExpressions, `${field}.matchExpressions`, (requirement, at) => [
      ...validateNodeRequirement(requirement, at),
      ...checkName(requirement.key, `${at}.key`, checkQualifiedName),
    ]),
    ...each(matchFields, `${field}.matchFields`, validateFieldRequirement),
  ];
}

function validateNodeRequirement({ operator = '', values = [] }: NodeSelectorRequirement, field: string): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length === 0
        ? [required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
        : [];
    case 'Exists':
    case 'DoesNotExist':
      return values.length > 0
        ? [forbiddenField(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
        : [];
    case 'Gt':
    case 'Lt':
      return values.length === 1
        ? []
        : [required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'")];
    default:
      return [invalidValue(`${field}.operator`, operator, 'not a valid selector operator')];
  }
}

function validateFieldRequirement(
  { key = '', operator = '', values = [] }: NodeSelectorRequirement,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn')
    errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'));
  else if (values.length !== 1)
    errors.push(
      required(`${field}.values`, "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"),
    );
  if (key !== 'metadata.name') errors.push(invalidValue(`${field}.key`, key, 'not a valid field selector key'));
  return errors;
}

function validateWeight(weight: number | undefined, field: string): FieldError[] {
  return weight !== undefined && weight >= 1 && weight <= 100
    ? []
    : [invalidValue(field, weight ?? 0, 'must be in the range 1-100')];
}

interface PodTerms {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[] | undefined;
  readonly preferredDuringSchedulingIgnoredDuringExecution?:
    | readonly { weight: number; podAffinityTerm: PodAffinityTerm }[]
    | undefined;
}

function validatePodTerms(terms: PodTerms | undefined, field: string): FieldError[] {
  if (terms === undefined) return [];
  return [
    ...each(
      terms.requiredDuringSchedulingIgnoredDuringExecution,
      `${field}.requiredDuringSchedulingIgnoredDuringExecution`,
      validatePodTerm,
    ),
    ...each(
      terms.preferredDuringSchedulingIgnoredDuringExecution,
      `${field}.preferredDuringSchedulingIgnoredDuringExecution`,
      ({ weight, podAffinityTerm }, at) => [
        ...validateWeight(weight, `${at}.weight`),
        ...(podAffinityTerm === undefined
          ? [required(`${at}.podAffinityTerm`)]
          : validatePodTerm(podAffinityTerm, `${at}.podAffinityTerm`)),
      ],
    ),
  ];
}

function validatePodTerm(
  { labelSelector, namespaceSelector, namespaces, topologyKey }: PodAffinityTerm,
  field: string,
): FieldError[] {
  const key = topologyKey ?? '';
  return [
    ...validateLabelSelector(labelSelector, `${field}.labelSelector`),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...(namespaces ?? []).flatMap((name) => checkName(name, `${field}.namespace`, checkDns1123Label)),
    ...(key === ''
      ? [required(`${field}.topologyKey`, 'can not be empty')]
      : checkName(key, `${field}.topologyKey`, checkQualifiedName)),
  ];
}

export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  field: string,
): FieldError[] {
  return [
    ...each(constraints, field, (constraint, at) => {
      const { maxSkew = 0, topologyKey = '', whenUnsatisfiable, minDomains, labelSelector } = constraint;
      const errors: FieldError[] = [];
      if (maxSkew <= 0) errors.push(invalidValue(`${at}.maxSkew`, maxSkew, 'must be greater than zero'));
      if (topologyKey === '') errors.push(required(`${at}.topologyKey`, 'can not be empty'));
      else errors.push(...requireName(topologyKey, `${at}.topologyKey`, checkQualifiedName));
      errors.push(...requireOneOf(whenUnsatisfiable, `${at}.whenUnsatisfiable`, ['DoNotSchedule', 'ScheduleAnyway']));
      errors.push(...positive(minDomains, `${at}.minDomains`));
      if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
        errors.push(
          invalidValue(
            `${at}.minDomains`,
            minDomains,
            `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
          ),
        );
      }
      return [...errors, ...validateLabelSelector(labelSelector, `${at}.labelSelector`)];
    }),
    ...duplicates(
      constraints,
      ({ topologyKey, whenUnsatisfiable }) => `{${topologyKey}, ${whenUnsatisfiable}}`,
      (index) => `${field}[${index}].{topologyKey, whenUnsatisfiable}`,
    ),
  ];
}
