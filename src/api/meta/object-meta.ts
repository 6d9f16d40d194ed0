import { deepEqual } from './clone.ts';
import { goQuote } from './go-text.ts';
import { checkDns1123Label, checkLabelValue, checkQualifiedName, maskGenerateName } from './names.ts';
import { parseApiVersion } from './resource-ref.ts';
import type {
  LabelSelector,
  LabelSelectorRequirement,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
} from './types.ts';
import { type FieldError, forbiddenField, immutable, invalidValue, required, tooLong } from './validation.ts';

export interface ObjectMetaRules {
  readonly namespaced: boolean;
  /** Judges the name, and generateName's base: one message, several, or none. */
  readonly nameRule: (name: string) => readonly string[] | string | undefined;
}

/** Annotations of one object may hold this many bytes, keys and values together. */
const MAX_ANNOTATION_BYTES = 256 * 1024;
const MAX_FIELD_MANAGER_LENGTH = 128;
const MAX_SUBRESOURCE_LENGTH = 256;
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** Everything wrong with the metadata of an object about to be created. Runs after name generation. */
export function validateObjectMeta(meta: ObjectMeta, { namespaced, nameRule }: ObjectMetaRules): FieldError[] {
  const errors: FieldError[] = [];
  const judge = (field: string, value: string, name: string) => {
    const found = nameRule(name) ?? [];
    for (const message of typeof found === 'string' ? [found] : found) errors.push(invalidValue(field, value, message));
  };
  const { name = '', generateName = '', namespace = '' } = meta;
  if (generateName !== '') judge('metadata.generateName', generateName, maskGenerateName(generateName));
  if (name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else judge('metadata.name', name, name);
  if (!namespaced) {
    if (namespace !== '') errors.push(forbiddenField('metadata.namespace', 'not allowed on this type'));
  } else if (namespace === '') {
    errors.push(required('metadata.namespace'));
  } else {
    for (const message of checkDns1123Label(namespace)) {
      errors.push(invalidValue('metadata.namespace', namespace, message));
    }
  }
  const { generation = 0 } = meta;
  if (generation < 0) {
    errors.push(invalidValue('metadata.generation', generation, 'must be greater than or equal to 0'));
  }
  errors.push(...validateSharedMeta(meta), ...validateFinalizers(meta.finalizers ?? [], 'metadata.finalizers'));
  return errors;
}

/** Everything wrong with the metadata of an update. The server has filled what it owns from `old` before. */
export function validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined && old.deletionTimestamp !== null) {
    errors.push(...validateNoNewFinalizers(meta.finalizers ?? [], old.finalizers ?? []));
  }
  if ((meta.resourceVersion ?? '') === '') {
    errors.push(invalidValue('metadata.resourceVersion', '', 'must be specified for an update'));
  }
  const { generation = 0 } = meta;
  if (generation < (old.generation ?? 0)) {
    errors.push(invalidValue('metadata.generation', generation, 'must not be decremented'));
  }
  for (const field of ['name', 'namespace', 'uid'] as const) {
    if ((meta[field] ?? '') !== (old[field] ?? '')) errors.push(immutable(`metadata.${field}`, meta[field] ?? ''));
  }
  for (const field of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (!deepEqual(meta[field] ?? null, old[field] ?? null)) {
      errors.push(immutable(`metadata.${field}`, meta[field] ?? null));
    }
  }
  errors.push(...validateSharedMeta(meta));
  return errors;
}

function validateSharedMeta(meta: ObjectMeta): FieldError[] {
  return [
    ...validateLabels(meta.labels, 'metadata.labels'),
    ...validateAnnotations(meta.annotations, 'metadata.annotations'),
    ...validateOwnerReferences(meta.ownerReferences, 'metadata.ownerReferences'),
    ...validateManagedFields(meta.managedFields, 'metadata.managedFields'),
  ];
}

type StringMap = Readonly<Record<string, string>> | undefined;

/** Errors of a map of labels at `field`. */
export function validateLabels(labels: StringMap, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const key in labels) {
    const value = labels[key] ?? '';
    for (const message of checkQualifiedName(key)) errors.push(invalidValue(field, key, message));
    for (const message of checkLabelValue(value)) errors.push(invalidValue(field, value, message));
  }
  return errors;
}

/** Errors of a map of annotations at `field`: keys, and the size of all together. */
export function validateAnnotations(annotations: StringMap, field: string): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const key in annotations) {
    for (const message of checkQualifiedName(key.toLowerCase())) errors.push(invalidValue(field, key, message));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? '');
  }
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLong(field, MAX_ANNOTATION_BYTES));
  return errors;
}

function validateOwnerReferences(references: readonly OwnerReference[] = [], field: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const reference of references) {
    errors.push(...validateOwnerReference(reference, field));
    if (reference.controller !== true) continue;
    const current = `${reference.kind}/${reference.name}`;
    if (controller === undefined) {
      controller = current;
      continue;
    }
    const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${current}`;
    errors.push(invalidValue(field, references, detail));
  }
  return errors;
}

function validateOwnerReference(reference: OwnerReference, field: string): FieldError[] {
  const { apiVersion = '', kind = '', name = '', uid = '' } = reference;
  const errors: FieldError[] = [];
  if (parseApiVersion(apiVersion).version === '') {
    errors.push(invalidValue(`${field}.apiVersion`, apiVersion, 'version must not be empty'));
  }
  for (const [key, value] of Object.entries({ kind, name, uid })) {
    if (value === '') errors.push(invalidValue(`${field}.${key}`, value, 'must not be empty'));
  }
  if (apiVersion === 'v1' && kind === 'Event') {
    errors.push(invalidValue(field, reference, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[], field: string): FieldError[] {
  const errors = finalizers.flatMap((name) =>
    checkQualifiedName(name).map((message) => invalidValue(field, name, message)),
  );
  if (finalizers.includes(ORPHAN) && finalizers.includes(FOREGROUND)) {
    const detail = `finalizer ${ORPHAN} and ${FOREGROUND} cannot be both set`;
    errors.push(invalidValue(field, finalizers, detail));
  }
  return errors;
}

function validateNoNewFinalizers(finalizers: readonly string[], old: readonly string[]): FieldError[] {
  const added = [...new Set(finalizers)].filter((name) => !old.includes(name)).sort();
  if (added.length === 0) return [];
  const list = `[]string{${added.map(goQuote).join(', ')}}`;
  const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
  return [forbiddenField('metadata.finalizers', detail)];
}

function validateManagedFields(entries: readonly ManagedFieldsEntry[] = [], field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, { operation = '', fieldsType = '', manager = '', subresource = '' }] of entries.entries()) {
    const path = `${field}[${index}]`;
    if (operation !== 'Apply' && operation !== 'Update') {
      errors.push(invalidValue(`${path}.operation`, operation, 'must be `Apply` or `Update`'));
    }
    if (fieldsType !== '' && fieldsType !== 'FieldsV1') {
      errors.push(invalidValue(`${path}.fieldsType`, fieldsType, 'must be `FieldsV1`'));
    }
    errors.push(...validateFieldManager(manager, `${path}.manager`));
    if (subresource.length > MAX_SUBRESOURCE_LENGTH) {
      errors.push(tooLong(`${path}.subresource`, MAX_SUBRESOURCE_LENGTH));
    }
  }
  return errors;
}

/** Errors of a field manager's name: at most 128 bytes, all printable. */
export function validateFieldManager(manager: string, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > MAX_FIELD_MANAGER_LENGTH) errors.push(tooLong(field, MAX_FIELD_MANAGER_LENGTH));
  if (/^[\x20-\x7e]*$/.test(manager)) return errors;
  let position = 0;
  for (const rune of manager) {
    if (/[^\P{C}]|[^\P{Z} ]/u.test(rune)) {
      const code = (rune.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      errors.push(invalidValue(field, manager, `invalid character U+${code} (at position ${position})`));
    }
    position += Buffer.byteLength(rune);
  }
  return errors;
}

/** Errors of a LabelSelector at `field`. */
export function validateLabelSelector(selector: LabelSelector | undefined, field: string): FieldError[] {
  if (selector === undefined) return [];
  return [
    ...validateLabels(selector.matchLabels, `${field}.matchLabels`),
    ...(selector.matchExpressions ?? []).flatMap((requirement, index) =>
      validateSelectorRequirement(requirement, `${field}.matchExpressions[${index}]`),
    ),
  ];
}

function validateSelectorRequirement(requirement: LabelSelectorRequirement, field: string): FieldError[] {
  const { key = '', operator = '', values = [] } = requirement;
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) {
      errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    }
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      const detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
      errors.push(forbiddenField(`${field}.values`, detail));
    }
  } else {
    errors.push(invalidValue(`${field}.operator`, operator, 'not a valid selector operator'));
  }
  for (const message of checkQualifiedName(key)) errors.push(invalidValue(`${field}.key`, key, message));
  for (const [index, value] of values.entries()) {
    for (const message of checkLabelValue(value)) {
      errors.push(invalidValue(`${field}.values[${index}]`, value, message));
    }
  }
  return errors;
}
