import {
  type EndpointAddress,
  type EndpointPort,
  type EndpointSubset,
  type Endpoints,
  endpoints,
} from '#api/core/v1.ts';
import { validateIp } from '#api/meta/ip.ts';
import { checkDns1123Label, checkPortNumber } from '#api/meta/names.ts';
import { type FieldError, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { atMost, NONE } from '../columns.ts';
import { checkName, checkNumber, each, requireOneOf } from '../validate.ts';

const MAX_SHOWN = 3;

/** Endpoints: where a Service's traffic goes, in the old form. */
export const endpointsResource = defineResource<Endpoints>(endpoints, {
  createOnUpdate: true,
  defaults({ subsets }) {
    for (const port of (subsets ?? []).flatMap(({ ports = [] }) => ports)) port.protocol ||= 'TCP';
  },
  validate: ({ subsets }) => each(subsets, 'subsets', validateSubset),
  columns: [nameColumn, { name: 'Endpoints', value: endpointsText }, ageColumn],
});

function validateSubset(
  { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset,
  field: string,
): FieldError[] {
  const isEmpty = addresses.length + notReadyAddresses.length === 0;
  return [
    ...(isEmpty ? [required(field, 'must specify `addresses` or `notReadyAddresses`')] : []),
    ...each(addresses, `${field}.addresses`, validateAddress),
    ...each(notReadyAddresses, `${field}.notReadyAddresses`, validateAddress),
    ...each(ports, `${field}.ports`, (port, at) => validateEndpointPort(port, at, { isAlone: ports.length === 1 })),
  ];
}

function validateAddress({ ip, hostname }: EndpointAddress, field: string): FieldError[] {
  return [...validateIp(`${field}.ip`, ip ?? ''), ...checkName(hostname, `${field}.hostname`, checkDns1123Label)];
}

function validateEndpointPort(
  { name = '', port, protocol }: EndpointPort,
  field: string,
  { isAlone }: { isAlone: boolean },
): FieldError[] {
  const nameless =
    name === '' && !isAlone ? [required(`${field}.name`)] : checkName(name, `${field}.name`, checkDns1123Label);
  return [
    ...nameless,
    ...checkNumber(port ?? 0, `${field}.port`, checkPortNumber),
    ...requireOneOf(protocol, `${field}.protocol`, ['SCTP', 'TCP', 'UDP']),
  ];
}

function endpointsText({ subsets }: Endpoints): string {
  const all = (subsets ?? []).flatMap(({ addresses = [], ports = [] }) => {
    if (ports.length === 0) return addresses.map(({ ip }) => ip);
    return ports.flatMap(({ port }) =>
      addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
    );
  });
  return all.length === 0 ? NONE : atMost(all, MAX_SHOWN);
}
