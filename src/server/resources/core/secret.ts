import { defaultSecret } from '#api/core/defaults.ts';
import { type Secret, secrets } from '#api/core/v1.ts';
import { checkConfigMapKey } from '#api/meta/names.ts';
import { type FieldError, invalidValue, required, tooLong } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { checkName, unchanged } from '../validate.ts';
import { MAX_DATA_BYTES, validateImmutable } from './configmap.ts';

const ACCOUNT_NAME = 'kubernetes.io/service-account.name';

/** Secret: what few may read. */
export const secretResource = defineResource<Secret>(secrets, {
  fieldSelectors: { type: ({ type }) => type ?? '' },
  defaults(secret) {
    foldText(secret);
    defaultSecret(secret);
  },
  validate: (secret) => [...validateData(secret), ...validateType(secret)],
  validateUpdate: (secret, old) => [
    ...unchanged(secret, old, { field: '', names: ['type'] }),
    ...validateImmutable(secret, old, ['data']),
  ],
  columns: [
    nameColumn,
    { name: 'Type', value: ({ type = '' }) => type },
    { name: 'Data', value: ({ data = {} }) => Object.keys(data).length },
    ageColumn,
  ],
});

/** `stringData` is a convenience of writing: it becomes data and is never stored. */
function foldText(secret: Secret): void {
  const { stringData } = secret;
  if (stringData === undefined) return;
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text).toString('base64')]);
  if (encoded.length > 0) secret.data = { ...secret.data, ...Object.fromEntries(encoded) };
  delete secret.stringData;
}

function validateData({ data = {} }: Secret): FieldError[] {
  const errors = Object.keys(data).flatMap((key) => checkName(key, `data[${key}]`, checkConfigMapKey));
  const bytes = Object.values(data).reduce((sum, value) => sum + Buffer.byteLength(value ?? '', 'base64'), 0);
  return bytes > MAX_DATA_BYTES ? [...errors, tooLong('data', MAX_DATA_BYTES)] : errors;
}

/** What the well-known types promise to those who read them. */
function validateType({ type, data = {}, metadata }: Secret): FieldError[] {
  const missing = (...keys: string[]) =>
    keys.filter((key) => !Object.hasOwn(data, key)).map((key) => required(`data[${key}]`));
  switch (type) {
    case 'kubernetes.io/service-account-token':
      return metadata.annotations?.[ACCOUNT_NAME] ? [] : [required(`metadata.annotations[${ACCOUNT_NAME}]`)];
    case 'kubernetes.io/dockercfg':
      return validateJson(data, '.dockercfg');
    case 'kubernetes.io/dockerconfigjson':
      return validateJson(data, '.dockerconfigjson');
    case 'kubernetes.io/basic-auth': {
      const lacks = missing('username', 'password');
      return lacks.length === 2 ? lacks : [];
    }
    case 'kubernetes.io/ssh-auth':
      return data['ssh-privatekey'] ? [] : [required('data[ssh-privatekey]')];
    case 'kubernetes.io/tls':
      return missing('tls.crt', 'tls.key');
    default:
      return [];
  }
}

function validateJson(data: Readonly<Record<string, string>>, key: string): FieldError[] {
  const value = data[key];
  if (value === undefined) return [required(`data[${key}]`)];
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value, 'base64').toString());
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return [];
    return [invalidValue(`data[${key}]`, '<secret contents redacted>', 'json: cannot unmarshal value into an object')];
  } catch {
    // The parser's own words would show parts of the secret.
    const why = value === '' ? 'unexpected end of JSON input' : 'invalid JSON';
    return [invalidValue(`data[${key}]`, '<secret contents redacted>', why)];
  }
}
