import type {
  ConfigMapKeySelector,
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '#api/core/v1.ts';
import { checkConfigMapKey, checkQualifiedName, checkRelaxedEnvVarName } from '#api/meta/names.ts';
import { parseQuantity } from '#api/meta/quantity.ts';
import { type FieldError, invalidValue, notSupported, required } from '#api/meta/validation.ts';
import { checkName, each, requireName, requireText } from '../validate.ts';

const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
/** Fields a downward API volume may show. */
export const VOLUME_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const KNOWN_FIELDS = new Set([
  ...ENV_FIELDS,
  ...VOLUME_FIELDS,
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.hostNetwork',
  'status.phase',
  'status.nominatedNodeName',
]);
const RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

const DIVISORS: Readonly<Record<string, readonly string[]>> = {
  cpu: ['1m', '1'],
  memory: ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei'],
};

export function validateEnv(env: readonly EnvVar[] | undefined, field: string): FieldError[] {
  return each(env, field, (variable, at) => [
    ...requireName(variable.name, `${at}.name`, checkRelaxedEnvVarName),
    ...(variable.valueFrom === undefined
      ? []
      : validateValueFrom(variable.valueFrom, variable.value, `${at}.valueFrom`)),
  ]);
}

function validateValueFrom(source: EnvVarSource, value: string | undefined, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const given = (['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'] as const).filter(
    (name) => source[name] !== undefined,
  );
  if (source.fieldRef !== undefined) errors.push(...validateFieldRef(source.fieldRef, `${field}.fieldRef`, ENV_FIELDS));
  if (source.resourceFieldRef !== undefined)
    errors.push(...validateResourceFieldRef(source.resourceFieldRef, `${field}.resourceFieldRef`, { inVolume: false }));
  if (source.configMapKeyRef !== undefined)
    errors.push(...validateKeyRef(source.configMapKeyRef, `${field}.configMapKeyRef`));
  if (source.secretKeyRef !== undefined) errors.push(...validateKeyRef(source.secretKeyRef, `${field}.secretKeyRef`));
  if (given.length === 0) {
    errors.push(
      invalidValue(
        field,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  } else if (value !== undefined && value !== '') {
    errors.push(invalidValue(field, '', 'may not be specified when `value` is not empty'));
  } else if (given.length > 1) {
    errors.push(invalidValue(field, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}

function validateKeyRef({ name, key }: ConfigMapKeySelector, field: string): FieldError[] {
  return [...requireText(name, `${field}.name`), ...requireName(key, `${field}.key`, checkConfigMapKey)];
}

export function validateFieldRef(
  { apiVersion, fieldPath }: ObjectFieldSelector,
  field: string,
  allowed: readonly string[],
): FieldError[] {
  if (apiVersion === undefined || apiVersion === '') return [required(`${field}.apiVersion`)];
  if (fieldPath === undefined || fieldPath === '') return [required(`${field}.fieldPath`)];
  const [, map, key] = /^(.*)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (map !== undefined && key !== undefined) {
    if (map === 'metadata.annotations') return checkName(key.toLowerCase(), field, checkQualifiedName);
    if (map === 'metadata.labels') return checkName(key, field, checkQualifiedName);
    return [invalidValue(field, map, 'does not support subscript')];
  }
  if (!KNOWN_FIELDS.has(fieldPath)) {
    return [
      invalidValue(
        `${field}.fieldPath`,
        fieldPath,
        `error converting fieldPath: field label not supported: ${fieldPath}`,
      ),
    ];
  }
  return allowed.includes(fieldPath) ? [] : [notSupported(`${field}.fieldPath`, fieldPath, allowed)];
}

export function validateResourceFieldRef(
  { containerName, resource, divisor }: ResourceFieldSelector,
  field: string,
  { inVolume }: { inVolume: boolean },
): FieldError[] {
  if (inVolume && (containerName === undefined || containerName === '')) return [required(`${field}.containerName`)];
  if (resource === undefined || resource === '') return [required(`${field}.resource`)];
  const isHugePages = /^(limits|requests)\.hugepages-/.test(resource);
  if (!RESOURCES.includes(resource) && !isHugePages) return [notSupported(`${field}.resource`, resource, RESOURCES)];
  return validateDivisor(resource, divisor, field);
}

function validateDivisor(resource: string, divisor: string | undefined, field: string): FieldError[] {
  if (divisor === undefined || parseQuantity(divisor).nano === 0n) return [];
  const isCpu = resource.endsWith('.cpu');
  const allowed = DIVISORS[isCpu ? 'cpu' : 'memory'] ?? [];
  if (allowed.some((text) => parseQuantity(text).nano === parseQuantity(divisor).nano)) return [];
  const words = isCpu
    ? "only divisor's values 1m and 1 are supported with the cpu resource"
    : "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory resource";
  return [invalidValue(`${field}.divisor`, divisor, words)];
}

export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, field: string): FieldError[] {
  return each(sources, field, ({ prefix, configMapRef, secretRef }, at) => {
    const errors = checkName(prefix, `${at}.prefix`, checkRelaxedEnvVarName);
    if (configMapRef !== undefined) errors.push(...requireText(configMapRef.name, `${at}.configMapRef.name`));
    if (secretRef !== undefined) errors.push(...requireText(secretRef.name, `${at}.secretRef.name`));
    const count = Number(configMapRef !== undefined) + Number(secretRef !== undefined);
    if (count === 0) errors.push(invalidValue(at, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (count > 1) errors.push(invalidValue(at, '', 'may not have more than one field specified at a time'));
    return errors;
  });
}
