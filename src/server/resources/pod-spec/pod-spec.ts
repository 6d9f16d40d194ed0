import type { HostAlias, PodDNSConfig, PodSpec, PodTemplateSpec } from '#api/core/v1.ts';
import { validateIp } from '#api/meta/ip.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkQualifiedName } from '#api/meta/names.ts';
import { validateAnnotations, validateLabels } from '#api/meta/object-meta.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import {
  checkName,
  duplicates,
  each,
  inRange,
  MAX_INT32,
  nonNegative,
  oneOf,
  requireName,
  requireOneOf,
} from '../validate.ts';
import { validateAllContainers } from './containers.ts';
import { validateResources } from './resource-list.ts';
import { validateAffinity, validateTolerations, validateTopologySpread } from './scheduling.ts';
import { validatePodSecurityContext } from './security.ts';
import { validateVolumes } from './volumes.ts';

const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
const DNS_POLICIES = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];
const MAX_NAME_SERVERS = 3;
const MAX_SEARCH_DOMAINS = 32;
const MAX_SEARCH_LENGTH = 2048;

/** Everything wrong with what a pod, or a template of pods, says. Runs after defaulting. */
export function validatePodSpec(spec: PodSpec | undefined, field: string): FieldError[] {
  if (spec === undefined) return [required(`${field}.containers`)];
  return [
    ...validateVolumes(spec.volumes, `${field}.volumes`),
    ...validateAllContainers(spec, field),
    ...requireOneOf(spec.restartPolicy, `${field}.restartPolicy`, RESTART_POLICIES),
    ...validateDns(spec, field),
    ...validateLabels(spec.nodeSelector, `${field}.nodeSelector`),
    ...validatePodSecurityContext(spec.securityContext, `${field}.securityContext`),
    ...validateNames(spec, field),
    ...validateAffinity(spec.affinity, `${field}.affinity`),
    ...validateTolerations(spec.tolerations, `${field}.tolerations`),
    ...validateTopologySpread(spec.topologySpreadConstraints, `${field}.topologySpreadConstraints`),
    ...each(spec.hostAliases, `${field}.hostAliases`, validateHostAlias),
    ...validateGates(spec, field),
    ...inRange(spec.activeDeadlineSeconds, `${field}.activeDeadlineSeconds`, [1, MAX_INT32]),
    ...nonNegative(spec.terminationGracePeriodSeconds, `${field}.terminationGracePeriodSeconds`),
    ...validateResources(spec.resources, `${field}.resources`),
    ...oneOf(spec.preemptionPolicy, `${field}.preemptionPolicy`, ['Never', 'PreemptLowerPriority']),
    ...(spec.os === undefined ? [] : requireOneOf(spec.os.name, `${field}.os.name`, ['linux', 'windows'])),
    ...validateNamespaces(spec, field),
  ];
}

/** A template of pods at `field`; `template` itself must be there. */
export function validatePodTemplate(template: PodTemplateSpec | undefined, field: string): FieldError[] {
  if (template === undefined) return [required(field)];
  return [
    ...validateLabels(template.metadata?.labels, `${field}.labels`),
    ...validateAnnotations(template.metadata?.annotations, `${field}.annotations`),
    ...validatePodSpec(template.spec, `${field}.spec`),
    ...((template.spec?.ephemeralContainers ?? []).length > 0
      ? [
          {
            type: 'Forbidden' as const,
            field: `${field}.spec.ephemeralContainers`,
            detail: 'ephemeral containers not allowed in pod template',
          },
        ]
      : []),
  ];
}

function validateNames(spec: PodSpec, field: string): FieldError[] {
  return [
    ...checkName(spec.serviceAccountName, `${field}.serviceAccountName`, checkDns1123Subdomain),
    ...checkName(spec.nodeName, `${field}.nodeName`, checkDns1123Subdomain),
    ...checkName(spec.hostname, `${field}.hostname`, checkDns1123Label),
    ...checkName(spec.subdomain, `${field}.subdomain`, checkDns1123Label),
    ...checkName(spec.priorityClassName, `${field}.priorityClassName`, checkDns1123Subdomain),
    ...checkName(spec.runtimeClassName, `${field}.runtimeClassName`, checkDns1123Subdomain),
  ];
}

function validateDns({ dnsPolicy, dnsConfig }: PodSpec, field: string): FieldError[] {
  const errors = requireOneOf(dnsPolicy, `${field}.dnsPolicy`, DNS_POLICIES);
  if (dnsPolicy === 'None' && dnsConfig === undefined) {
    errors.push(required(`${field}.dnsConfig`, 'must provide `dnsConfig` when `dnsPolicy` is None'));
  }
  return dnsConfig === undefined
    ? errors
    : [...errors, ...validateDnsConfig(dnsConfig, `${field}.dnsConfig`, dnsPolicy === 'None')];
}

function validateDnsConfig(
  { nameservers = [], searches = [], options }: PodDNSConfig,
  field: string,
  needsServer: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  if (needsServer && nameservers.length === 0)
    errors.push(required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'));
  if (nameservers.length > MAX_NAME_SERVERS)
    errors.push(
      invalidValue(`${field}.nameservers`, nameservers, `must not have more than ${MAX_NAME_SERVERS} nameservers`),
    );
  errors.push(...each(nameservers, `${field}.nameservers`, (address, at) => validateIp(at, address)));
  if (searches.length > MAX_SEARCH_DOMAINS)
    errors.push(
      invalidValue(`${field}.searches`, searches, `must not have more than ${MAX_SEARCH_DOMAINS} search paths`),
    );
  if (searches.join(' ').length > MAX_SEARCH_LENGTH)
    errors.push(
      invalidValue(
        `${field}.searches`,
        searches,
        `must not have more than ${MAX_SEARCH_LENGTH} characters (including spaces) in the search list`,
      ),
    );
  errors.push(
    ...each(searches, `${field}.searches`, (search, at) =>
      search === '.' ? [] : checkName(search.replace(/\.$/, '').replaceAll('_', '-'), at, checkDns1123Subdomain),
    ),
  );
  errors.push(
    ...each(options, `${field}.options`, ({ name = '' }, at) =>
      name === '' ? [required(at, 'must not be empty')] : [],
    ),
  );
  return errors;
}

function validateHostAlias({ ip, hostnames }: HostAlias, field: string): FieldError[] {
  return [
    ...validateIp(`${field}.ip`, ip ?? ''),
    ...each(hostnames, `${field}.hostnames`, (name, at) => requireName(name, at, checkDns1123Subdomain)),
  ];
}

function validateGates({ readinessGates, schedulingGates, nodeName = '' }: PodSpec, field: string): FieldError[] {
  const errors = [
    ...each(readinessGates, `${field}.readinessGates`, ({ conditionType }, at) =>
      checkName(conditionType, `${at}.conditionType`, checkQualifiedName),
    ),
    ...each(schedulingGates, `${field}.schedulingGates`, ({ name }, at) =>
      requireName(name, `${at}.name`, checkQualifiedName),
    ),
    ...duplicates(
      schedulingGates,
      ({ name }) => name,
      (index) => `${field}.schedulingGates[${index}].name`,
    ),
  ];
  if (nodeName !== '' && (schedulingGates ?? []).length > 0) {
    errors.push({
      type: 'Forbidden',
      field: `${field}.nodeName`,
      detail: 'cannot be set until all schedulingGates have been cleared',
    });
  }
  return errors;
}

function validateNamespaces(
  { hostPID, hostNetwork, hostUsers, shareProcessNamespace }: PodSpec,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const at = `${field}.securityContext`;
  if (hostPID === true && shareProcessNamespace === true) {
    errors.push(
      invalidValue(`${at}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled'),
    );
  }
  if (hostUsers === false && hostNetwork === true)
    errors.push({ type: 'Forbidden', field: `${at}.hostUsers`, detail: 'when `hostNetwork` is true' });
  return errors;
}
