import type { Service, ServicePort, ServiceSpec } from '#api/core/v1.ts';
import { parseIp, validateCidr, validateIp } from '#api/meta/ip.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPortNumber, checkQualifiedName } from '#api/meta/names.ts';
import { validateLabels } from '#api/meta/object-meta.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, required } from '#api/meta/validation.ts';
import { validatePort } from '../pod-spec/handlers.ts';
import { checkName, checkNumber, each, oneOf, requireOneOf } from '../validate.ts';
import { needsAddress, needsHealthCheckPort } from './service-allocation.ts';

const TYPES = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const MAX_AFFINITY_SECONDS = 86_400;

/** Everything wrong with a Service. Runs after allocation. */
export function validateService({ spec = {} }: Service): FieldError[] {
  return [
    ...requireOneOf(spec.type, 'spec.type', TYPES),
    ...validateAddresses(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateExternal(spec),
    ...validatePolicies(spec),
  ];
}

function validateAddresses(spec: ServiceSpec): FieldError[] {
  const { type, clusterIP = '', clusterIPs = [] } = spec;
  if (type === 'ExternalName') {
    return [
      ...(clusterIP !== '' ? [forbiddenField('spec.clusterIP', 'may not be set when `type` is "ExternalName"')] : []),
      ...(clusterIPs.length > 0
        ? [forbiddenField('spec.clusterIPs', 'may not be set when `type` is "ExternalName"')]
        : []),
    ];
  }
  if (clusterIPs.length > 0 && clusterIPs[0] !== clusterIP)
    return [invalidValue('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`')];
  if (clusterIP === 'None') {
    const isReachable = type === 'LoadBalancer' || type === 'NodePort';
    const word = type === 'LoadBalancer' ? 'LoadBalancer' : 'NodePort';
    return isReachable
      ? [invalidValue('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${word} services`)]
      : [];
  }
  return each(clusterIPs, 'spec.clusterIPs', (address, at) => {
    if (address === '' || parseIp(address) !== undefined) return [];
    return validateIp(at, address);
  });
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  const isHeadless = spec.clusterIP === 'None';
  const errors = ports.length === 0 && !isHeadless && spec.type !== 'ExternalName' ? [required('spec.ports')] : [];
  const names = new Set<string>();
  errors.push(
    ...each(ports, 'spec.ports', (port, at) =>
      validatePortEntry(port, at, { names, isHeadless, isAlone: ports.length === 1 }),
    ),
  );
  const seen = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [index, { port, protocol, nodePort = 0 }] of ports.entries()) {
    const key = `${protocol}/${port}`;
    if (seen.has(key)) errors.push(duplicate(`spec.ports[${index}]`, { protocol, port }));
    seen.add(key);
    if (nodePort === 0) continue;
    const nodeKey = `${protocol}/${nodePort}`;
    if (spec.type === 'ClusterIP' || spec.type === 'ExternalName')
      errors.push(forbiddenField(`spec.ports[${index}].nodePort`, `may not be used when \`type\` is '${spec.type}'`));
    else if (nodePorts.has(nodeKey)) errors.push(duplicate(`spec.ports[${index}].nodePort`, nodePort));
    nodePorts.add(nodeKey);
  }
  return errors;
}

function validatePortEntry(
  { name = '', port, protocol, targetPort, appProtocol }: ServicePort,
  field: string,
  { names, isHeadless, isAlone }: { names: Set<string>; isHeadless: boolean; isAlone: boolean },
): FieldError[] {
  const errors: FieldError[] = [];
  if (name === '') {
    if (!isAlone) errors.push(required(`${field}.name`));
  } else {
    errors.push(...checkName(name, `${field}.name`, checkDns1123Label));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
  }
  errors.push(...checkNumber(port ?? 0, `${field}.port`, checkPortNumber));
  errors.push(...requireOneOf(protocol, `${field}.protocol`, PROTOCOLS));
  if (targetPort !== undefined || !isHeadless) errors.push(...validatePort(targetPort ?? port, `${field}.targetPort`));
  return [...errors, ...checkName(appProtocol, `${field}.appProtocol`, checkQualifiedName)];
}

function validateAffinity({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): FieldError[] {
  const errors = requireOneOf(sessionAffinity, 'spec.sessionAffinity', ['ClientIP', 'None']);
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (sessionAffinity === 'ClientIP' && (seconds === undefined || seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)) {
    errors.push(
      invalidValue(
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
        seconds ?? 0,
        `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`,
      ),
    );
  }
  return errors;
}

function validateExternal({
  type,
  externalName = '',
  externalIPs,
  loadBalancerSourceRanges,
  loadBalancerClass,
}: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (type === 'ExternalName') {
    const name = externalName.replace(/\.$/, '');
    errors.push(
      ...(name === '' ? [required('spec.externalName')] : checkName(name, 'spec.externalName', checkDns1123Subdomain)),
    );
  }
  errors.push(
    ...each(externalIPs, 'spec.externalIPs', (address, at) => {
      const wrong = validateIp(at, address);
      return wrong.length > 0 ? wrong : nonSpecial(address, at);
    }),
  );
  if (loadBalancerSourceRanges !== undefined && loadBalancerSourceRanges.length > 0) {
    if (type !== 'LoadBalancer')
      errors.push(forbiddenField('spec.LoadBalancerSourceRanges', "may only be used when `type` is 'LoadBalancer'"));
    errors.push(
      ...each(loadBalancerSourceRanges, 'spec.loadBalancerSourceRanges', (range, at) => validateCidr(at, range.trim())),
    );
  }
  if (loadBalancerClass !== undefined) {
    if (type !== 'LoadBalancer')
      errors.push(forbiddenField('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'"));
    else errors.push(...checkName(loadBalancerClass, 'spec.loadBalancerClass', checkQualifiedName));
  }
  return errors;
}

/** An address outside clients can send to: not this host, not everybody. */
function nonSpecial(address: string, field: string): FieldError[] {
  if (/^0\.0\.0\.0$|^::$/.test(address)) return [invalidValue(field, address, `may not be unspecified (${address})`)];
  if (/^127\.|^::1$/.test(address))
    return [invalidValue(field, address, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')];
  if (/^169\.254\.|^fe80:/i.test(address))
    return [invalidValue(field, address, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')];
  const isMulticast = /^22[4-9]\.|^23\d\.|^ff/i.test(address);
  return isMulticast ? [invalidValue(field, address, 'may not be in the multicast range (224.0.0.0/4, ff00::/8)')] : [];
}

function validatePolicies(spec: ServiceSpec): FieldError[] {
  const { type, externalTrafficPolicy, internalTrafficPolicy, externalIPs = [], healthCheckNodePort = 0 } = spec;
  const isExternal = type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && externalIPs.length > 0);
  const errors = isExternal
    ? requireOneOf(externalTrafficPolicy, 'spec.externalTrafficPolicy', ['Cluster', 'Local'])
    : [];
  if (!isExternal && externalTrafficPolicy !== undefined) {
    errors.push(
      invalidValue(
        'spec.externalTrafficPolicy',
        externalTrafficPolicy,
        'may only be set for externally-accessible services',
      ),
    );
  }
  if (needsAddress(spec))
    errors.push(...requireOneOf(internalTrafficPolicy, 'spec.internalTrafficPolicy', ['Cluster', 'Local']));
  if (healthCheckNodePort !== 0 && !needsHealthCheckPort(spec)) {
    errors.push(
      invalidValue(
        'spec.healthCheckNodePort',
        healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  }
  errors.push(
    ...oneOf(spec.ipFamilyPolicy, 'spec.ipFamilyPolicy', ['PreferDualStack', 'RequireDualStack', 'SingleStack']),
  );
  errors.push(...each(spec.ipFamilies, 'spec.ipFamilies', (family, at) => oneOf(family, at, ['IPv4', 'IPv6'])));
  return [
    ...errors,
    ...oneOf(spec.trafficDistribution, 'spec.trafficDistribution', ['PreferClose', 'PreferSameNode', 'PreferSameZone']),
  ];
}

/** What of a Service stays as it was made. */
export function validateServiceUpdate({ spec = {} }: Service, { spec: old = {} }: Service): FieldError[] {
  const errors: FieldError[] = [];
  if (needsAddress(spec) && needsAddress(old)) {
    const [now, before] = [spec.clusterIPs?.[0] ?? spec.clusterIP, old.clusterIPs?.[0] ?? old.clusterIP];
    if (before !== undefined && before !== '' && now !== before) {
      errors.push(invalidValue('spec.clusterIPs[0]', spec.clusterIPs ?? [now ?? ''], 'may not change once set'));
    }
    if (old.ipFamilies?.[0] !== undefined && spec.ipFamilies?.[0] !== old.ipFamilies[0]) {
      errors.push(invalidValue('spec.ipFamilies[0]', spec.ipFamilies ?? [], 'may not change once set'));
    }
  }
  if (needsHealthCheckPort(spec) && needsHealthCheckPort(old) && spec.healthCheckNodePort !== old.healthCheckNodePort) {
    errors.push(forbiddenField('spec.healthCheckNodePort', 'field is immutable'));
  }
  if (spec.type === 'LoadBalancer' && old.type === 'LoadBalancer' && spec.loadBalancerClass !== old.loadBalancerClass) {
    errors.push(invalidValue('spec.loadBalancerClass', spec.loadBalancerClass ?? null, 'may not change once set'));
  }
  return errors;
}
