import { type ConfigMap, configMaps } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { checkConfigMapKey } from '#api/meta/names.ts';
import { type FieldError, forbiddenField, invalidValue, tooLong } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { checkName } from '../validate.ts';

/** ConfigMaps and Secrets share the limit; it keeps what every node must hold in memory small. */
export const MAX_DATA_BYTES = 1024 * 1024;

/** ConfigMap: text and bytes that pods mount or read as environment. */
export const configMapResource = defineResource<ConfigMap>(configMaps, {
  validate: validateData,
  validateUpdate: (object, old) => validateImmutable(object, old, ['data', 'binaryData']),
  columns: [
    nameColumn,
    {
      name: 'Data',
      value: ({ data = {}, binaryData = {} }) => Object.keys(data).length + Object.keys(binaryData).length,
    },
    ageColumn,
  ],
});

function validateData({ data = {}, binaryData = {} }: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    errors.push(...checkName(key, `data[${key}]`, checkConfigMapKey));
    // A key may be text or bytes, never both.
    if (Object.hasOwn(binaryData, key))
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    errors.push(...checkName(key, `binaryData[${key}]`, checkConfigMapKey));
    bytes += Buffer.byteLength(value, 'base64');
  }
  if (bytes > MAX_DATA_BYTES) errors.push(tooLong('[]', MAX_DATA_BYTES));
  return errors;
}

/** `immutable` may be set once; it and the fields it protects stay as they are from then on. */
export function validateImmutable<T extends { immutable?: boolean | undefined }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (old.immutable !== true) return [];
  const detail = 'field is immutable when `immutable` is set';
  const errors = object.immutable === true ? [] : [forbiddenField('immutable', detail)];
  return [
    ...errors,
    ...fields.filter((field) => !deepEqual(object[field], old[field])).map((field) => forbiddenField(field, detail)),
  ];
}
