import type { PodTemplateSpec } from '#api/core/v1.ts';
import { validateLabelSelector } from '#api/meta/object-meta.ts';
import { labelSelectorOf } from '#api/meta/selectors.ts';
import type { LabelSelector } from '#api/meta/types.ts';
import { type FieldError, invalidValue, notSupported, required } from '#api/meta/validation.ts';
import { validatePodTemplate } from '../pod-spec/pod-spec.ts';

/** Selector and template of a workload: there, valid, and fitting each other. */
export function validateSelected(
  { selector, template }: { selector?: LabelSelector | undefined; template?: PodTemplateSpec | undefined },
  { kind }: { kind: string },
): FieldError[] {
  const errors: FieldError[] = [];
  if (selector === undefined) errors.push(required('spec.selector'));
  else {
    errors.push(...validateLabelSelector(selector, 'spec.selector'));
    if (isEmpty(selector))
      errors.push(invalidValue('spec.selector', selector, `empty selector is invalid for ${kind}`));
  }
  if (errors.length === 0 && template !== undefined && !labelSelectorOf(selector).matches(template.metadata?.labels)) {
    errors.push(
      invalidValue(
        'spec.template.metadata.labels',
        template.metadata?.labels ?? {},
        '`selector` does not match template `labels`',
      ),
    );
  }
  errors.push(...validatePodTemplate(template, 'spec.template'));
  const policy = template?.spec?.restartPolicy;
  if (policy !== undefined && policy !== 'Always') {
    errors.push(notSupported('spec.template.spec.restartPolicy', policy, ['Always']));
  }
  return errors;
}

function isEmpty({ matchLabels = {}, matchExpressions = [] }: LabelSelector): boolean {
  return Object.keys(matchLabels).length + matchExpressions.length === 0;
}
