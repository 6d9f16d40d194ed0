import { type FieldError, forbiddenField } from '#api/meta/validation.ts';
import { defaultPriorityClass } from '#api/scheduling/defaults.ts';
import { type PriorityClass, priorityClasses } from '#api/scheduling/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { oneOf } from '../validate.ts';

/** Classes the cluster itself comes with, and their values. */
export const SYSTEM_PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};
const HIGHEST_USER_PRIORITY = 1_000_000_000;

/** PriorityClass: whose pods go first, and whose make room. */
export const priorityClassResource = defineResource<PriorityClass>(priorityClasses, {
  defaults: defaultPriorityClass,
  validate({ metadata: { name = '' }, value = 0, preemptionPolicy }): FieldError[] {
    const errors = oneOf(preemptionPolicy, 'preemptionPolicy', ['Never', 'PreemptLowerPriority']);
    if (name.startsWith('system-')) {
      if (SYSTEM_PRIORITIES[name] !== value) {
        errors.push(
          forbiddenField(
            'metadata.name',
            "priority class names with 'system-' prefix are reserved for system use only. error: only system priority classes may use the 'system-' prefix",
          ),
        );
      }
    } else if (value > HIGHEST_USER_PRIORITY) {
      errors.push(
        forbiddenField('value', `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`),
      );
    }
    return errors;
  },
  validateUpdate({ value, preemptionPolicy }, old): FieldError[] {
    return [
      ...((value ?? 0) === (old.value ?? 0) ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
      ...(preemptionPolicy === old.preemptionPolicy
        ? []
        : [
            {
              type: 'Invalid' as const,
              field: 'preemptionPolicy',
              badValue: preemptionPolicy,
              detail: 'field is immutable',
            },
          ]),
    ];
  },
  columns: [
    nameColumn,
    { name: 'Value', type: 'integer', value: ({ value }) => value ?? 0 },
    { name: 'Global-Default', type: 'boolean', value: ({ globalDefault }) => globalDefault === true },
    ageColumn,
    { name: 'PreemptionPolicy', value: ({ preemptionPolicy }) => preemptionPolicy ?? 'PreemptLowerPriority' },
  ],
});
