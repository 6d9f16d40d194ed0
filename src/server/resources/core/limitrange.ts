import { defaultLimitRange } from '#api/core/defaults.ts';
import { type LimitRange, type LimitRangeItem, limitRanges } from '#api/core/v1.ts';
import { checkQualifiedName } from '#api/meta/names.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue } from '#api/meta/validation.ts';
import { defineResource } from '#server/apiserver/resource.ts';
import { quantityOf } from '../pod-spec/resource-list.ts';
import { each, requireName } from '../validate.ts';

/** LimitRange: bounds and defaults of what a namespace's containers may ask for. */
export const limitRangeResource = defineResource<LimitRange>(limitRanges, {
  createOnUpdate: true,
  defaults: defaultLimitRange,
  validate({ spec }) {
    const types = new Set<string>();
    return each(spec?.limits, 'spec.limits', (item, at) => {
      const errors = requireName(item.type, `${at}.type`, checkQualifiedName);
      if (types.has(item.type)) errors.push(duplicate(`${at}.type`, item.type));
      types.add(item.type);
      return [...errors, ...validateItem(item, at)];
    });
  },
});

function validateItem(item: LimitRangeItem, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (item.type === 'Pod') {
    if (item.default !== undefined)
      errors.push(forbiddenField(`${field}.default`, "may not be specified when `type` is 'Pod'"));
    if (item.defaultRequest !== undefined)
      errors.push(forbiddenField(`${field}.defaultRequest`, "may not be specified when `type` is 'Pod'"));
  }
  const notAbove = (low: 'min' | 'defaultRequest' | 'default', high: 'defaultRequest' | 'default' | 'max') =>
    Object.entries(item[low] ?? {}).flatMap(([name, amount]) => {
      const limit = item[high]?.[name];
      const [a, b] = [quantityOf(amount), limit === undefined ? undefined : quantityOf(limit)];
      if (a === undefined || b === undefined || compareQuantities(a, b) <= 0) return [];
      const word = { min: 'min', default: 'default', defaultRequest: 'default request', max: 'max' };
      return [
        invalidValue(
          `${field}.${low}[${name}]`,
          amount,
          `${word[low]} value ${amount} is greater than ${word[high]} value ${limit}`,
        ),
      ];
    });
  return [
    ...errors,
    ...notAbove('min', 'max'),
    ...notAbove('min', 'defaultRequest'),
    ...notAbove('defaultRequest', 'max'),
    ...notAbove('defaultRequest', 'default'),
    ...notAbove('default', 'max'),
  ];
}
