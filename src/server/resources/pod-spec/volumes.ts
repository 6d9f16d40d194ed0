import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '#api/core/v1.ts';
import { checkConfigMapKey, checkDns1123Label } from '#api/meta/names.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '#api/meta/validation.ts';
import { duplicates, each, noBacksteps, oneOf, relativePath, requireName, requireText } from '../validate.ts';
import { VOLUME_FIELDS, validateFieldRef, validateResourceFieldRef } from './env.ts';
import { quantityOf } from './resource-list.ts';

const MODE_DETAIL = 'must be a number between 0 and 0777 (octal), both inclusive';
const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];
const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;

/** Volumes by name; mounts are judged against them. */
export function validateVolumes(volumes: readonly Volume[] | undefined, field: string): FieldError[] {
  return [
    ...each(volumes, field, (volume, at) => [
      ...validateSource(volume, at),
      ...requireName(volume.name, `${at}.name`, checkDns1123Label),
    ]),
    ...duplicates(
      volumes,
      ({ name }) => name,
      (index) => `${field}[${index}].name`,
    ),
  ];
}

function validateSource({ name: _name, ...sources }: Volume, field: string): FieldError[] {
  const given = Object.keys(sources).filter(
    (key) => sources[key as keyof typeof sources] !== undefined,
  ) as (keyof typeof sources)[];
  const [first, ...more] = given;
  if (first === undefined) return [required(field, 'must specify a volume type')];
  const errors = (SOURCE_CHECKS[first] ?? accept)(sources as Volume, `${field}.${first}`);
  return [
    ...errors,
    ...more.map((key) => forbiddenField(`${field}.${key}`, 'may not specify more than 1 volume type')),
  ];
}

type Check = (volume: Volume, field: string) => FieldError[];
const accept: Check = () => [];

/** Kinds of volumes with rules beyond the schema; others are accepted as they are. */
const SOURCE_CHECKS: Readonly<Partial<Record<keyof Volume, Check>>> = {
  emptyDir: ({ emptyDir }, field) => {
    const limit = emptyDir?.sizeLimit;
    const quantity = limit === undefined ? undefined : quantityOf(limit);
    return quantity !== undefined && quantity.nano < 0n
      ? [forbiddenField(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
      : [];
  },
  hostPath: ({ hostPath }, field) => {
    const path = hostPath?.path ?? '';
    if (path === '') return [required(`${field}.path`)];
    return [...noBacksteps(path, `${field}.path`), ...oneOf(hostPath?.type, `${field}.type`, HOST_PATH_TYPES)];
  },
  secret: ({ secret }, field) => [
    ...requireText(secret?.secretName, `${field}.secretName`),
    ...validateFiles(secret, field),
  ],
  configMap: ({ configMap }, field) => [
    ...requireText(configMap?.name, `${field}.name`),
    ...validateFiles(configMap, field),
  ],
  downwardAPI: ({ downwardAPI }, field) => [
    ...validateMode(downwardAPI?.defaultMode, `${field}.defaultMode`),
    ...each(downwardAPI?.items, field, validateDownwardFile),
  ],
  projected: ({ projected }, field) => (projected === undefined ? [] : validateProjected(projected, field)),
  persistentVolumeClaim: ({ persistentVolumeClaim }, field) =>
    requireText(persistentVolumeClaim?.claimName, `${field}.claimName`),
  nfs: ({ nfs }, field) => {
    const path = nfs?.path ?? '';
    const absolute =
      path !== '' && !path.startsWith('/') ? [invalidValue(`${field}.path`, path, 'must be an absolute path')] : [];
    return [...requireText(nfs?.server, `${field}.server`), ...requireText(path, `${field}.path`), ...absolute];
  },
  csi: ({ csi }, field) => requireText(csi?.driver, `${field}.driver`),
  iscsi: ({ iscsi }, field) => [
    ...requireText(iscsi?.targetPortal, `${field}.targetPortal`),
    ...requireText(iscsi?.iqn, `${field}.iqn`),
  ],
  ephemeral: ({ ephemeral }, field) =>
    ephemeral?.volumeClaimTemplate === undefined ? [required(`${field}.volumeClaimTemplate`)] : [],
  image: ({ image }, field) => [
    ...requireText(image?.reference, `${field}.reference`),
    ...oneOf(image?.pullPolicy, `${field}.pullPolicy`, ['Always', 'IfNotPresent', 'Never']),
  ],
};

function validateFiles(
  source: { defaultMode?: number | undefined; items?: readonly KeyToPath[] | undefined } | undefined,
  field: string,
): FieldError[] {
  return [
    ...validateMode(source?.defaultMode, `${field}.defaultMode`),
    ...validateItems(source?.items, `${field}.items`),
  ];
}

function validateItems(items: readonly KeyToPath[] | undefined, field: string): FieldError[] {
  return each(items, field, ({ key, path, mode }, at) => [
    ...requireName(key, `${at}.key`, checkConfigMapKey),
    ...requireText(path, `${at}.path`),
    ...localPath(path, `${at}.path`),
    ...validateMode(mode, `${at}.mode`),
  ]);
}

function validateDownwardFile(
  { path, fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile,
  field: string,
): FieldError[] {
  const errors = [
    ...requireText(path, `${field}.path`),
    ...localPath(path, `${field}.path`),
    ...validateMode(mode, `${field}.mode`),
  ];
  if (fieldRef !== undefined) {
    errors.push(...validateFieldRef(fieldRef, `${field}.fieldRef`, VOLUME_FIELDS));
    if (resourceFieldRef !== undefined)
      errors.push(invalidValue(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
  } else if (resourceFieldRef !== undefined) {
    errors.push(...validateResourceFieldRef(resourceFieldRef, `${field}.resourceFieldRef`, { inVolume: true }));
  } else {
    errors.push(required(field, 'one of fieldRef and resourceFieldRef is required'));
  }
  return errors;
}

function validateProjected({ defaultMode, sources }: ProjectedVolumeSource, field: string): FieldError[] {
  return [
    ...validateMode(defaultMode, `${field}.defaultMode`),
    ...each(sources, `${field}.sources`, validateProjection),
    ...samePaths(sources, `${field}.sources`),
  ];
}

const PROJECTIONS = [
  'secret',
  'configMap',
  'downwardAPI',
  'serviceAccountToken',
  'clusterTrustBundle',
  'podCertificate',
] as const;

function validateProjection(source: VolumeProjection, field: string): FieldError[] {
  const [first, ...more] = PROJECTIONS.filter((name) => source[name] !== undefined);
  if (first === undefined) return [required(field, 'must specify a projection source')];
  const errors = more.map((name) =>
    forbiddenField(`${field}.${name}`, 'may not specify more than 1 volume type per source'),
  );
  const at = `${field}.${first}`;
  const { secret, configMap, downwardAPI, serviceAccountToken } = source;
  if (first === 'secret')
    errors.push(...requireText(secret?.name, `${at}.name`), ...validateItems(secret?.items, `${at}.items`));
  if (first === 'configMap')
    errors.push(...requireText(configMap?.name, `${at}.name`), ...validateItems(configMap?.items, `${at}.items`));
  if (first === 'downwardAPI') errors.push(...each(downwardAPI?.items, at, validateDownwardFile));
  if (first === 'serviceAccountToken') {
    const { path, expirationSeconds = 3600 } = serviceAccountToken ?? {};
    if (path === undefined || path === '') errors.push(required(`${at}.path`));
    errors.push(...localPath(path, `${at}.path`));
    if (expirationSeconds < MIN_TOKEN_SECONDS)
      errors.push(
        invalidValue(`${at}.expirationSeconds`, expirationSeconds, 'may not specify a duration less than 10 minutes'),
      );
    if (expirationSeconds > MAX_TOKEN_SECONDS)
      errors.push(
        invalidValue(
          `${at}.expirationSeconds`,
          expirationSeconds,
          'may not specify a duration larger than 2^32 seconds',
        ),
      );
  }
  return errors;
}

/** Two sources may not write the same file. */
function samePaths(sources: readonly VolumeProjection[] | undefined, field: string): FieldError[] {
  const paths = (sources ?? []).flatMap(({ secret, configMap, downwardAPI, serviceAccountToken }) => [
    ...(secret?.items ?? []).map(({ path }) => path),
    ...(configMap?.items ?? []).map(({ path }) => path),
    ...(downwardAPI?.items ?? []).map(({ path }) => path),
    ...(serviceAccountToken === undefined ? [] : [serviceAccountToken.path]),
  ]);
  const repeated = paths.find((path, index) => paths.indexOf(path) !== index);
  return repeated === undefined ? [] : [invalidValue(field, repeated, 'conflicting duplicate paths')];
}

function validateMode(mode: number | undefined, field: string): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > 0o777) ? [invalidValue(field, mode, MODE_DETAIL)] : [];
}

/** A file within a volume: the names that start with two dots belong to the node. */
function localPath(path: string | undefined, field: string): FieldError[] {
  const errors = relativePath(path, field);
  return errors.length === 0 && path?.startsWith('..') === true
    ? [invalidValue(field, path, "must not start with '..'")]
    : errors;
}
