export {
  EVERY_FIELD,
  escapeFieldValue,
  type FieldRequirement,
  type FieldSelector,
  fieldSelectorOf,
  parseFieldSelector,
} from './field-selector.ts';
export {
  EVERYTHING,
  type LabelOperator,
  type LabelRequirement,
  type LabelSelector as LabelMatcher,
  type Labels,
  labelSelectorFromMap,
  labelSelectorOf,
  NOTHING,
  parseLabelSelector,
} from './label-selector.ts';
