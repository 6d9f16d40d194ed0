import type { AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext, Sysctl } from '#api/core/v1.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '#api/meta/validation.ts';
import { duplicates, each, inRange, MAX_INT32, oneOf, relativePath, requireOneOf } from '../validate.ts';

const ID_RANGE = [0, MAX_INT32] as const;
const PROFILE_TYPES = ['Localhost', 'RuntimeDefault', 'Unconfined'];
const SYSCTL = /^[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?(?:[./][a-z0-9](?:[-_a-z0-9]*[a-z0-9])?)*$/;

export function validateSecurityContext(
  context: SecurityContext | undefined,
  field: string,
  { hostUsers }: { hostUsers: boolean },
): FieldError[] {
  if (context === undefined) return [];
  const { privileged, allowPrivilegeEscalation, capabilities, procMount } = context;
  const errors = [
    ...inRange(context.runAsUser, `${field}.runAsUser`, ID_RANGE),
    ...inRange(context.runAsGroup, `${field}.runAsGroup`, ID_RANGE),
    ...oneOf(procMount, `${field}.procMount`, ['Default', 'Unmasked']),
    ...validateProfiles(context, field),
  ];
  if (procMount === 'Unmasked' && hostUsers)
    errors.push(invalidValue(`${field}.procMount`, procMount, '`hostUsers` must be false to use `Unmasked`'));
  if (allowPrivilegeEscalation === false) {
    if (privileged === true)
      errors.push(
        invalidValue(field, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      );
    if (capabilities?.add?.includes('CAP_SYS_ADMIN') === true) {
      errors.push(
        invalidValue(
          field,
          context,
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      );
    }
  }
  return errors;
}

export function validatePodSecurityContext(context: PodSecurityContext | undefined, field: string): FieldError[] {
  if (context === undefined) return [];
  const { sysctls } = context;
  return [
    ...inRange(context.runAsUser, `${field}.runAsUser`, ID_RANGE),
    ...inRange(context.runAsGroup, `${field}.runAsGroup`, ID_RANGE),
    ...inRange(context.fsGroup, `${field}.fsGroup`, ID_RANGE),
    ...each(context.supplementalGroups, `${field}.supplementalGroups`, (group, at) => inRange(group, at, ID_RANGE)),
    ...oneOf(context.fsGroupChangePolicy, `${field}.fsGroupChangePolicy`, ['Always', 'OnRootMismatch']),
    ...oneOf(context.supplementalGroupsPolicy, `${field}.supplementalGroupsPolicy`, ['Merge', 'Strict']),
    ...each(sysctls, `${field}.sysctls`, validateSysctl),
    ...duplicates(
      sysctls,
      ({ name }) => name?.replaceAll('/', '.'),
      (index) => `${field}.sysctls[${index}].name`,
    ),
    ...validateProfiles(context, field),
  ];
}

function validateSysctl({ name }: Sysctl, field: string): FieldError[] {
  if (name === undefined || name === '') return [required(`${field}.name`)];
  if (name.length <= 253 && SYSCTL.test(name)) return [];
  return [invalidValue(`${field}.name`, name, `must have at most 253 characters and match regex ${SYSCTL.source}`)];
}

function validateProfiles(
  {
    seccompProfile,
    appArmorProfile,
  }: { seccompProfile?: SeccompProfile | undefined; appArmorProfile?: AppArmorProfile | undefined },
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (seccompProfile !== undefined) {
    const { type, localhostProfile } = seccompProfile;
    errors.push(...validateProfile(seccompProfile, `${field}.seccompProfile`));
    if (type === 'Localhost')
      errors.push(...relativePath(localhostProfile, `${field}.seccompProfile.localhostProfile`));
  }
  if (appArmorProfile !== undefined) errors.push(...validateProfile(appArmorProfile, `${field}.appArmorProfile`));
  return errors;
}

function validateProfile({ type, localhostProfile }: SeccompProfile | AppArmorProfile, field: string): FieldError[] {
  const errors = requireOneOf(type, `${field}.type`, PROFILE_TYPES);
  const given = localhostProfile !== undefined && localhostProfile !== '';
  if (type === 'Localhost' && !given)
    errors.push(required(`${field}.localhostProfile`, 'must be set when type is Localhost'));
  if (type !== 'Localhost' && given)
    errors.push(forbiddenField(`${field}.localhostProfile`, 'can only be set when type is Localhost'));
  return errors;
}
