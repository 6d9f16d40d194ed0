import { defaultEndpointSlice } from '#api/discovery/defaults.ts';
import { type Endpoint, type EndpointSlice, endpointSlices } from '#api/discovery/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { parseIp, validateIp } from '#api/meta/ip.ts';
import { checkDns1123Label, checkDns1123Subdomain } from '#api/meta/names.ts';
import { duplicate, type FieldError, invalidValue, required, tooMany } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { atMost, UNSET } from '../columns.ts';
import { checkName, each, requireOneOf, unchanged } from '../validate.ts';

const MAX_SHOWN = 3;
const MAX_ADDRESSES = 100;
const MAX_ENDPOINTS = 1000;
const MAX_PORTS = 20_000;

/** EndpointSlice: a part of where a Service's traffic goes. */
export const endpointSliceResource = defineResource<EndpointSlice>(endpointSlices, {
  defaults: defaultEndpointSlice,
  prepareCreate(slice) {
    slice.metadata.generation = 1;
  },
  prepareUpdate(slice, old) {
    const isSame = deepEqual(
      [slice.endpoints, slice.ports, slice.metadata.labels],
      [old.endpoints, old.ports, old.metadata.labels],
    );
    slice.metadata.generation = (old.metadata.generation ?? 0) + (isSame ? 0 : 1);
  },
  validate: validateSlice,
  validateUpdate: (slice, old) => unchanged(slice, old, { field: '', names: ['addressType'] }),
  columns: [
    nameColumn,
    { name: 'AddressType', value: ({ addressType = '' }) => addressType },
    { name: 'Ports', value: portsText },
    { name: 'Endpoints', value: endpointsText },
    ageColumn,
  ],
});

function validateSlice({ addressType, ports = [], endpoints = [] }: EndpointSlice): FieldError[] {
  const errors = requireOneOf(addressType, 'addressType', ['FQDN', 'IPv4', 'IPv6']);
  if (endpoints.length > MAX_ENDPOINTS) errors.push(tooMany('endpoints', endpoints.length, MAX_ENDPOINTS));
  if (ports.length > MAX_PORTS) errors.push(tooMany('ports', ports.length, MAX_PORTS));
  errors.push(...each(endpoints, 'endpoints', (endpoint, at) => validateEndpoint(endpoint, at, addressType)));
  const names = new Set<string>();
  errors.push(
    ...each(ports, 'ports', ({ name = '', protocol }, at) => {
      const wrong = [
        ...checkName(name, `${at}.name`, checkDns1123Label),
        ...requireOneOf(protocol, `${at}.protocol`, ['SCTP', 'TCP', 'UDP']),
      ];
      if (names.has(name)) wrong.push(duplicate(`${at}.name`, name));
      names.add(name);
      return wrong;
    }),
  );
  return errors;
}

function validateEndpoint({ addresses = [], hostname }: Endpoint, field: string, addressType: string): FieldError[] {
  if (addresses.length === 0) return [required(`${field}.addresses`, 'must contain at least 1 address')];
  if (addresses.length > MAX_ADDRESSES) return [tooMany(`${field}.addresses`, addresses.length, MAX_ADDRESSES)];
  return [
    ...each(addresses, `${field}.addresses`, (address, at) => validateAddress(address, at, addressType)),
    ...checkName(hostname, `${field}.hostname`, checkDns1123Label),
  ];
}

function validateAddress(address: string, field: string, addressType: string): FieldError[] {
  if (addressType === 'FQDN') return checkName(address, field, checkDns1123Subdomain);
  const parsed = parseIp(address);
  if (parsed === undefined) return validateIp(field, address);
  const isRight = parsed.family === (addressType === 'IPv6' ? 6 : 4);
  return isRight ? [] : [invalidValue(field, address, `must be an ${addressType} address`)];
}

function portsText({ ports = [] }: EndpointSlice): string {
  if (ports.length === 0) return UNSET;
  return atMost(
    ports.map(({ port }) => (port === undefined || port === 0 ? '*' : String(port))),
    MAX_SHOWN,
  );
}

function endpointsText({ endpoints = [] }: EndpointSlice): string {
  const addresses = endpoints.flatMap(({ addresses: list = [] }) => list);
  return addresses.length === 0 ? UNSET : atMost(addresses, MAX_SHOWN);
}
