import { defaultAdmissionPolicy, defaultAdmissionPolicyBinding } from '#api/admissionregistration/defaults.ts';
import {
  type MutatingAdmissionPolicy,
  type MutatingAdmissionPolicyBinding,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  type ValidatingAdmissionPolicy,
  type ValidatingAdmissionPolicyBinding,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '#api/admissionregistration/v1.ts';
import { type FieldError, required } from '#api/meta/validation.ts';
import { ageColumn, type Column, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { UNSET } from '../columns.ts';
import { each, oneOf, requireText } from '../validate.ts';

type Policy = ValidatingAdmissionPolicy | MutatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding;

/** ValidatingAdmissionPolicy: rules of the cluster's own about what may be written. */
export const validatingAdmissionPolicyResource = defineResource<ValidatingAdmissionPolicy>(
  validatingAdmissionPolicies,
  {
    unconditionalUpdate: false,
    defaults: defaultAdmissionPolicy,
    validate: ({ spec }) => [
      ...validatePolicy(spec),
      ...((spec?.validations ?? []).length + (spec?.auditAnnotations ?? []).length === 0
        ? [required('spec.validations', 'validations or auditAnnotations must contain at least one item')]
        : []),
      ...each(spec?.validations, 'spec.validations', ({ expression }, at) =>
        requireText(expression, `${at}.expression`),
      ),
    ],
    columns: policyColumns<ValidatingAdmissionPolicy>('Validations', ({ spec }) => spec?.validations?.length ?? 0),
  },
);

/** MutatingAdmissionPolicy: changes the cluster makes to what is written. */
export const mutatingAdmissionPolicyResource = defineResource<MutatingAdmissionPolicy>(mutatingAdmissionPolicies, {
  unconditionalUpdate: false,
  defaults: defaultAdmissionPolicy,
  prepareCreate: ({ metadata }) => void Object.assign(metadata, { generation: 1 }),
  validate: ({ spec }) => [
    ...validatePolicy(spec),
    ...((spec?.mutations ?? []).length === 0
      ? [required('spec.mutations', 'mutations must contain at least one item')]
      : []),
    ...oneOf(spec?.reinvocationPolicy, 'spec.reinvocationPolicy', ['IfNeeded', 'Never']),
  ],
  columns: policyColumns<MutatingAdmissionPolicy>('Mutations', ({ spec }) => spec?.mutations?.length ?? 0),
});

/** ValidatingAdmissionPolicyBinding: where a policy holds. */
export const validatingAdmissionPolicyBindingResource = defineResource<ValidatingAdmissionPolicyBinding>(
  validatingAdmissionPolicyBindings,
  {
    unconditionalUpdate: false,
    defaults: defaultAdmissionPolicyBinding,
    validate: ({ spec }) => [
      ...requireText(spec?.policyName, 'spec.policyName'),
      ...((spec?.validationActions ?? []).length === 0
        ? [required('spec.validationActions', 'at least one validation action is required')]
        : []),
      ...each(spec?.validationActions, 'spec.validationActions', (action, at) =>
        oneOf(action, at, ['Audit', 'Deny', 'Warn']),
      ),
    ],
    columns: bindingColumns<ValidatingAdmissionPolicyBinding>(),
  },
);

/** MutatingAdmissionPolicyBinding: where a policy holds. */
export const mutatingAdmissionPolicyBindingResource = defineResource<MutatingAdmissionPolicyBinding>(
  mutatingAdmissionPolicyBindings,
  {
    unconditionalUpdate: false,
    defaults: defaultAdmissionPolicyBinding,
    validate: ({ spec }) => requireText(spec?.policyName, 'spec.policyName'),
    columns: bindingColumns<MutatingAdmissionPolicyBinding>(),
  },
);

function validatePolicy(spec: Policy['spec'] | undefined): FieldError[] {
  const { matchConstraints, failurePolicy } = spec ?? {};
  return [
    ...(matchConstraints === undefined ? [required('spec.matchConstraints')] : []),
    ...(matchConstraints !== undefined && (matchConstraints.resourceRules ?? []).length === 0
      ? [required('spec.matchConstraints.resourceRules')]
      : []),
    ...oneOf(failurePolicy, 'spec.failurePolicy', ['Fail', 'Ignore']),
  ];
}

function policyColumns<T extends Policy>(name: string, count: (policy: T) => number): Column<T>[] {
  return [
    nameColumn,
    { name, type: 'integer', value: count },
    {
      name: 'ParamKind',
      value: ({ spec }) =>
        spec?.paramKind === undefined ? UNSET : `${spec.paramKind.apiVersion}/${spec.paramKind.kind}`,
    },
    ageColumn,
  ];
}

function bindingColumns<T extends Binding>(): Column<T>[] {
  return [
    nameColumn,
    { name: 'PolicyName', value: ({ spec }) => spec?.policyName ?? '' },
    { name: 'ParamRef', value: paramText },
    ageColumn,
  ];
}

function paramText({ spec }: Binding): string {
  const { name = '', namespace = '' } = spec?.paramRef ?? {};
  if (spec?.paramRef === undefined) return UNSET;
  if (name === '') return '*';
  return namespace === '' ? `*/${name}` : `${namespace}/${name}`;
}
