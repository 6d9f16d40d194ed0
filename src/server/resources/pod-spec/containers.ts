import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  PodSpec,
  Volume,
  VolumeDevice,
  VolumeMount,
} from '#api/core/v1.ts';
import { checkDns1123Label, checkPortName, checkPortNumber } from '#api/meta/names.ts';
import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notFoundValue,
  notSupported,
  required,
} from '#api/meta/validation.ts';
import {
  checkName,
  checkNumber,
  duplicates,
  each,
  noBacksteps,
  oneOf,
  relativePath,
  requireName,
  requireOneOf,
  requireText,
} from '../validate.ts';
import { validateEnv, validateEnvFrom } from './env.ts';
import { validateLifecycle, validateProbes } from './handlers.ts';
import { validateResources } from './resource-list.ts';
import { validateSecurityContext } from './security.ts';

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MESSAGE_POLICIES = ['FallbackToLogsOnError', 'File'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];

/** What the containers of a pod are judged against. */
interface Surroundings {
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly spec: PodSpec;
}

export function validateAllContainers(spec: PodSpec, field: string): FieldError[] {
  const around = { spec, volumes: new Map((spec.volumes ?? []).map((volume) => [volume.name, volume])) };
  const { containers, initContainers, ephemeralContainers } = spec;
  const errors = (containers ?? []).length === 0 ? [required(`${field}.containers`)] : [];
  errors.push(
    ...each(containers, `${field}.containers`, (container, at) => validateAppContainer(container, at, around)),
  );
  errors.push(
    ...duplicates(
      containers,
      ({ name }) => name,
      (index) => `${field}.containers[${index}].name`,
    ),
  );
  errors.push(
    ...each(initContainers, `${field}.initContainers`, (container, at) => validateInitContainer(container, at, around)),
  );
  errors.push(
    ...each(ephemeralContainers, `${field}.ephemeralContainers`, (container, at) =>
      validateEphemeral(container, at, around),
    ),
  );
  errors.push(...sharedNames(spec, field), ...validateHostPorts(spec, field));
  return errors;
}

/** Init and ephemeral containers share one space of names with the app containers. */
function sharedNames(
  { containers = [], initContainers = [], ephemeralContainers = [] }: PodSpec,
  field: string,
): FieldError[] {
  const names = new Set(containers.map(({ name }) => name));
  const check = (list: readonly { name: string }[], where: string) =>
    each(list, `${field}.${where}`, ({ name }, at) => {
      const errors = names.has(name) && name !== '' ? [duplicate(`${at}.name`, name)] : [];
      names.add(name);
      return errors;
    });
  return [...check(initContainers, 'initContainers'), ...check(ephemeralContainers, 'ephemeralContainers')];
}

function validateAppContainer(container: Container, field: string, around: Surroundings): FieldError[] {
  return [
    ...validateCommon(container, field, around),
    ...validateLifecycle(container.lifecycle, `${field}.lifecycle`),
    ...validateProbes(container, field),
    ...(container.restartPolicy === undefined || container.restartPolicyRules !== undefined
      ? []
      : oneOf(container.restartPolicy, `${field}.restartPolicy`, ['Always', 'Never', 'OnFailure'])),
  ];
}

function validateInitContainer(container: Container, field: string, around: Surroundings): FieldError[] {
  const errors = [
    ...validateCommon(container, field, around),
    ...oneOf(container.restartPolicy, `${field}.restartPolicy`, ['Always', 'Never', 'OnFailure']),
  ];
  if (container.restartPolicy === 'Always') {
    return [
      ...errors,
      ...validateLifecycle(container.lifecycle, `${field}.lifecycle`),
      ...validateProbes(container, field),
    ];
  }
  const lasting = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
  const given = lasting.filter((name) => container[name] !== undefined);
  return [
    ...errors,
    ...given.map((name) =>
      forbiddenField(`${field}.${name}`, 'may not be set for init containers without restartPolicy=Always'),
    ),
  ];
}

const NOT_FOR_EPHEMERAL = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resources',
  'resizePolicy',
  'restartPolicy',
] as const;

function validateEphemeral(container: EphemeralContainer, field: string, around: Surroundings): FieldError[] {
  const errors = validateCommon(container as Container, field, around);
  const target = container.targetContainerName ?? '';
  const known = [...(around.spec.containers ?? []), ...(around.spec.initContainers ?? [])].map(({ name }) => name);
  if (target !== '' && !known.includes(target)) errors.push(notFoundValue(`${field}.targetContainerName`, target));
  for (const name of NOT_FOR_EPHEMERAL) {
    const value = container[name];
    const isEmpty = value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);
    if (!isEmpty) errors.push(forbiddenField(`${field}.${name}`, 'cannot be set for an Ephemeral Container'));
  }
  return errors;
}

function validateCommon(container: Container, field: string, around: Surroundings): FieldError[] {
  const { name, image = '', ports, volumeMounts, volumeDevices } = container;
  return [
    ...requireName(name, `${field}.name`, checkDns1123Label),
    ...(image === '' ? [required(`${field}.image`)] : []),
    ...(image !== image.trim()
      ? [invalidValue(`${field}.image`, image, 'must not have leading or trailing whitespace')]
      : []),
    ...requireOneOf(container.terminationMessagePolicy, `${field}.terminationMessagePolicy`, MESSAGE_POLICIES),
    ...validatePorts(ports, `${field}.ports`),
    ...validateEnv(container.env, `${field}.env`),
    ...validateEnvFrom(container.envFrom, `${field}.envFrom`),
    ...validateMounts(volumeMounts, `${field}.volumeMounts`, { container, volumes: around.volumes }),
    ...validateDevices(volumeDevices, `${field}.volumeDevices`, { container, volumes: around.volumes }),
    ...requireOneOf(container.imagePullPolicy, `${field}.imagePullPolicy`, PULL_POLICIES),
    ...validateResources(container.resources, `${field}.resources`),
    ...validateSecurityContext(container.securityContext, `${field}.securityContext`, {
      hostUsers: around.spec.hostUsers !== false,
    }),
    ...each(container.resizePolicy, `${field}.resizePolicy`, ({ resourceName, restartPolicy }, at) => [
      ...requireOneOf(resourceName, `${at}.resourceName`, ['cpu', 'memory']),
      ...requireOneOf(restartPolicy, `${at}.restartPolicy`, ['NotRequired', 'RestartContainer']),
    ]),
  ];
}

function validatePorts(ports: readonly ContainerPort[] | undefined, field: string): FieldError[] {
  return [
    ...each(ports, field, ({ name, containerPort, hostPort, protocol }, at) => [
      ...checkName(name, `${at}.name`, checkPortName),
      ...(containerPort === undefined || containerPort === 0
        ? [required(`${at}.containerPort`)]
        : checkNumber(containerPort, `${at}.containerPort`, checkPortNumber)),
      ...(hostPort === undefined || hostPort === 0 ? [] : checkNumber(hostPort, `${at}.hostPort`, checkPortNumber)),
      ...requireOneOf(protocol, `${at}.protocol`, PROTOCOLS),
    ]),
    ...duplicates(
      ports,
      ({ name }) => name,
      (index) => `${field}[${index}].name`,
    ),
  ];
}

/** A host port is taken once per pod, and is the container's own port on the host's network. */
function validateHostPorts({ containers, initContainers, hostNetwork }: PodSpec, field: string): FieldError[] {
  const taken = new Set<string>();
  const check = (list: readonly Container[] | undefined, where: string) =>
    each(list, `${field}.${where}`, ({ ports, restartPolicy }, at) =>
      each(ports, `${at}.ports`, ({ hostPort = 0, hostIP = '', protocol = 'TCP', containerPort }, portField) => {
        const errors: FieldError[] = [];
        if (hostNetwork === true && hostPort !== containerPort) {
          errors.push(
            invalidValue(`${portField}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true'),
          );
        }
        if (hostPort === 0 || (where === 'initContainers' && restartPolicy !== 'Always')) return errors;
        const key = `${protocol}/${hostIP}/${hostPort}`;
        if (taken.has(key)) errors.push(duplicate(`${portField}.hostPort`, key));
        taken.add(key);
        return errors;
      }),
    );
  return [...check(containers, 'containers'), ...check(initContainers, 'initContainers')];
}

interface MountContext {
  readonly container: Container;
  readonly volumes: ReadonlyMap<string, Volume>;
}

function validateMounts(
  mounts: readonly VolumeMount[] | undefined,
  field: string,
  { container, volumes }: MountContext,
): FieldError[] {
  const paths = new Set<string>();
  return each(mounts, field, (mount, at) => {
    const { name = '', mountPath = '', subPath = '', subPathExpr = '' } = mount;
    const errors = requireText(name, `${at}.name`);
    if (!volumes.has(name)) errors.push(notFoundValue(`${at}.name`, name));
    errors.push(...requireText(mountPath, `${at}.mountPath`));
    if (paths.has(mountPath)) errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    if (container.volumeDevices?.some((device) => device.name === name)) {
      errors.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeDevices'));
    }
    errors.push(...relativePath(subPath, `${at}.subPath`), ...relativePath(subPathExpr, `${at}.subPathExpr`));
    if (subPath !== '' && subPathExpr !== '')
      errors.push(invalidValue(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    return [
      ...errors,
      ...validatePropagation(mount, `${at}.mountPropagation`, container),
      ...validateRecursiveReadOnly(mount, `${at}.recursiveReadOnly`),
    ];
  });
}

function validatePropagation(
  { mountPropagation }: VolumeMount,
  field: string,
  { securityContext }: Container,
): FieldError[] {
  if (mountPropagation === undefined) return [];
  if (!['Bidirectional', 'HostToContainer', 'None'].includes(mountPropagation)) {
    return [notSupported(field, mountPropagation, ['Bidirectional', 'HostToContainer', 'None'])];
  }
  const needsPrivilege = mountPropagation === 'Bidirectional' && securityContext?.privileged !== true;
  return needsPrivilege
    ? [forbiddenField(field, 'Bidirectional mount propagation is available only to privileged containers')]
    : [];
}

function validateRecursiveReadOnly(
  { recursiveReadOnly, readOnly, mountPropagation = 'None' }: VolumeMount,
  field: string,
): FieldError[] {
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return [];
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible')
    return [notSupported(field, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible'])];
  if (readOnly !== true) return [forbiddenField(field, 'may only be specified when readOnly is true')];
  return mountPropagation === 'None'
    ? []
    : [forbiddenField(field, 'may only be specified when mountPropagation is None or not specified')];
}

function validateDevices(
  devices: readonly VolumeDevice[] | undefined,
  field: string,
  { container, volumes }: MountContext,
): FieldError[] {
  return [
    ...each(devices, field, ({ name = '', devicePath = '' }, at) => {
      const errors = requireText(name, `${at}.name`);
      const volume = volumes.get(name);
      if (volume === undefined) errors.push(notFoundValue(`${at}.name`, name));
      else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
        errors.push(
          invalidValue(
            `${at}.name`,
            name,
            'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
          ),
        );
      }
      errors.push(...requireText(devicePath, `${at}.devicePath`), ...noBacksteps(devicePath, `${at}.devicePath`));
      if (container.volumeMounts?.some((mount) => mount.name === name))
        errors.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeMounts'));
      return errors;
    }),
    ...duplicates(
      devices,
      ({ devicePath }) => devicePath,
      (index) => `${field}[${index}].devicePath`,
    ),
  ];
}
