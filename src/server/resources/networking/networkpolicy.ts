import { cidrContains, parseCidr, validateCidr } from '#api/meta/ip.ts';
import { checkPortName, checkPortNumber } from '#api/meta/names.ts';
import { validateLabelSelector } from '#api/meta/object-meta.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '#api/meta/validation.ts';
import { defaultNetworkPolicy } from '#api/networking/defaults.ts';
import {
  type IPBlock,
  type NetworkPolicy,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  networkPolicies,
} from '#api/networking/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { selectorText } from '../columns.ts';
import { checkName, checkNumber, each, requireOneOf } from '../validate.ts';

/** NetworkPolicy: which pods may talk to which. */
export const networkPolicyResource = defineResource<NetworkPolicy>(networkPolicies, {
  defaults: defaultNetworkPolicy,
  validate: ({ spec }) => [
    ...validateLabelSelector(spec?.podSelector, 'spec.podSelector'),
    ...each(spec?.ingress, 'spec.ingress', ({ ports, from }, at) => [
      ...each(ports, `${at}.ports`, validatePort),
      ...each(from, `${at}.from`, validatePeer),
    ]),
    ...each(spec?.egress, 'spec.egress', ({ ports, to }, at) => [
      ...each(ports, `${at}.ports`, validatePort),
      ...each(to, `${at}.to`, validatePeer),
    ]),
    ...validateTypes(spec?.policyTypes),
  ],
  columns: [
    nameColumn,
    { name: 'Pod-Selector', value: ({ spec }) => selectorText(spec?.podSelector ?? {}) },
    ageColumn,
  ],
});

function validateTypes(types: readonly string[] = []): FieldError[] {
  if (types.length > 2) return [invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes')];
  return each(types, 'spec.policyTypes', (type, at) =>
    type === 'Ingress' || type === 'Egress' ? [] : [notSupported(at, type, ['Egress', 'Ingress'])],
  );
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, field: string): FieldError[] {
  const errors = requireOneOf(protocol, `${field}.protocol`, ['SCTP', 'TCP', 'UDP']);
  if (typeof port === 'number') {
    errors.push(...checkNumber(port, `${field}.port`, checkPortNumber));
    if (endPort !== undefined && endPort < port)
      errors.push(invalidValue(`${field}.endPort`, endPort, 'must be greater than or equal to `port`'));
  } else if (typeof port === 'string') {
    if (endPort !== undefined)
      errors.push(invalidValue(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric'));
    errors.push(...checkName(port, `${field}.port`, checkPortName));
  } else if (endPort !== undefined)
    errors.push(invalidValue(`${field}.endPort`, endPort, 'may not be specified when `port` is not specified'));
  return [...errors, ...checkNumber(endPort, `${field}.endPort`, checkPortNumber)];
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, field: string): FieldError[] {
  if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined)
    return [required(field, 'must specify a peer')];
  if (ipBlock !== undefined && (podSelector ?? namespaceSelector) !== undefined) {
    return [forbiddenField(field, 'may not specify both ipBlock and another peer')];
  }
  return [
    ...validateLabelSelector(podSelector, `${field}.podSelector`),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...(ipBlock === undefined ? [] : validateBlock(ipBlock, `${field}.ipBlock`)),
  ];
}

function validateBlock({ cidr = '', except }: IPBlock, field: string): FieldError[] {
  if (cidr === '') return [required(`${field}.cidr`)];
  const errors = validateCidr(`${field}.cidr`, cidr);
  const whole = parseCidr(cidr);
  if (whole === undefined) return errors;
  return [
    ...errors,
    ...each(except, `${field}.except`, (part, at) => {
      const inner = parseCidr(part);
      if (inner === undefined) return validateCidr(at, part);
      const isInside =
        inner.address.family === whole.address.family &&
        cidrContains(whole, inner.address) &&
        inner.prefix > whole.prefix;
      return isInside ? [] : [invalidValue(at, part, 'must be a strict subset of `cidr`')];
    }),
  ];
}
