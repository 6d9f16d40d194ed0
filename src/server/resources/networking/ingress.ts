import { parseIp } from '#api/meta/ip.ts';
import {
  checkDns1123Subdomain,
  checkPortName,
  checkPortNumber,
  checkWildcardDns1123Subdomain,
} from '#api/meta/names.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import { defaultIngressClass } from '#api/networking/defaults.ts';
import {
  type HTTPIngressPath,
  type Ingress,
  type IngressBackend,
  type IngressClass,
  ingressClasses,
  ingresses,
} from '#api/networking/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { NONE } from '../columns.ts';
import { checkName, checkNumber, each, requireOneOf, requireText, unchanged } from '../validate.ts';

const MAX_SHOWN = 3;
const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class';
const LEGACY_CLASS = 'kubernetes.io/ingress.class';

/** Ingress: HTTP hosts and paths to Services. */
export const ingressResource = defineResource<Ingress>(ingresses, {
  validate: validateIngress,
  columns: [
    nameColumn,
    {
      name: 'Class',
      value: ({ spec, metadata }) => spec?.ingressClassName ?? metadata.annotations?.[LEGACY_CLASS] ?? NONE,
    },
    { name: 'Hosts', value: hostsText },
    {
      name: 'Address',
      value: ({ status }) =>
        (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').join(','),
    },
    { name: 'Ports', value: ({ spec }) => ((spec?.tls ?? []).length > 0 ? '80, 443' : '80') },
    ageColumn,
  ],
});

/** IngressClass: which controller serves an Ingress. */
export const ingressClassResource = defineResource<IngressClass>(ingressClasses, {
  defaults: defaultIngressClass,
  validate: ({ spec }) => requireText(spec?.controller, 'spec.controller'),
  validateUpdate: ({ spec }, { spec: old }) => unchanged(spec, old, { field: 'spec', names: ['controller'] }),
  columns: [
    {
      ...nameColumn,
      value: ({ metadata }) =>
        metadata.annotations?.[DEFAULT_CLASS] === 'true' ? `${metadata.name} (default)` : metadata.name,
    },
    { name: 'Controller', value: ({ spec }) => spec?.controller ?? '' },
    { name: 'Parameters', value: parametersText },
    ageColumn,
  ],
});

function parametersText({ spec }: IngressClass): string {
  const { parameters } = spec ?? {};
  if (parameters === undefined) return NONE;
  const group = parameters.apiGroup ? `.${parameters.apiGroup}` : '';
  return `${parameters.kind}${group}/${parameters.name}`;
}

function hostsText({ spec }: Ingress): string {
  const hosts = (spec?.rules ?? []).map(({ host }) => host ?? '').filter((host) => host !== '');
  if (hosts.length === 0) return '*';
  const more = hosts.length > MAX_SHOWN ? ` + ${hosts.length - MAX_SHOWN} more...` : '';
  return `${hosts.slice(0, MAX_SHOWN).join(',')}${more}`;
}

function validateIngress({ spec, metadata }: Ingress): FieldError[] {
  const { rules = [], defaultBackend, ingressClassName, tls } = spec ?? {};
  const errors: FieldError[] = [];
  if (rules.length === 0 && defaultBackend === undefined)
    errors.push(invalidValue('spec', rules, 'either `defaultBackend` or `rules` must be specified'));
  if (defaultBackend !== undefined) errors.push(...validateBackend(defaultBackend, 'spec.defaultBackend'));
  errors.push(
    ...each(rules, 'spec.rules', ({ host, http }, at) => [
      ...validateHost(host, `${at}.host`),
      ...(http === undefined ? [] : validatePaths(http.paths, `${at}.http.paths`)),
    ]),
    ...each(tls, 'spec.tls', ({ hosts }, at) =>
      each(hosts, `${at}.hosts`, (host, hostAt) =>
        checkName(host, hostAt, host.includes('*') ? checkWildcardDns1123Subdomain : checkDns1123Subdomain),
      ),
    ),
    ...checkName(ingressClassName, 'spec.ingressClassName', checkDns1123Subdomain),
  );
  const legacy = metadata.annotations?.[LEGACY_CLASS];
  if (
    legacy !== undefined &&
    ingressClassName !== undefined &&
    legacy !== ingressClassName &&
    metadata.resourceVersion === undefined
  ) {
    errors.push(
      invalidValue(
        `metadata.annotations.${LEGACY_CLASS}`,
        legacy,
        'must match `ingressClassName` when both are specified',
      ),
    );
  }
  return errors;
}

function validateHost(host: string | undefined, field: string): FieldError[] {
  if (host === undefined || host === '') return [];
  if (parseIp(host) !== undefined) return [invalidValue(field, host, 'must be a DNS name, not an IP address')];
  return checkName(host, field, host.includes('*') ? checkWildcardDns1123Subdomain : checkDns1123Subdomain);
}

function validatePaths(paths: readonly HTTPIngressPath[] | undefined, field: string): FieldError[] {
  if ((paths ?? []).length === 0) return [required(field)];
  return each(paths, field, ({ path = '', pathType, backend }, at) => {
    const errors =
      pathType === undefined || pathType === ''
        ? [required(`${at}.pathType`, 'pathType must be specified')]
        : requireOneOf(pathType, `${at}.pathType`, ['Exact', 'ImplementationSpecific', 'Prefix']);
    if (pathType === 'Exact' || pathType === 'Prefix') errors.push(...validatePath(path, `${at}.path`));
    else if (path !== '' && !path.startsWith('/'))
      errors.push(invalidValue(`${at}.path`, path, 'must be an absolute path'));
    return [...errors, ...validateBackend(backend ?? {}, `${at}.backend`)];
  });
}

function validatePath(path: string, field: string): FieldError[] {
  if (!path.startsWith('/')) return [invalidValue(field, path, 'must be an absolute path')];
  const inside = ['//', '/./', '/../', '%2f', '%2F'].find((part) => path.includes(part));
  if (inside !== undefined) return [invalidValue(field, path, `must not contain '${inside}'`)];
  const end = ['/..', '/.'].find((part) => path.endsWith(part));
  return end === undefined ? [] : [invalidValue(field, path, `cannot end with '${end}'`)];
}

function validateBackend({ resource, service }: IngressBackend, field: string): FieldError[] {
  if (resource !== undefined && service !== undefined)
    return [invalidValue(field, '', 'cannot set both resource and service backends')];
  if (resource !== undefined)
    return [
      ...requireText(resource.kind, `${field}.resource.kind`),
      ...requireText(resource.name, `${field}.resource.name`),
    ];
  if (service === undefined) return [required(field, 'must specify either resource or service backend')];
  const errors = requireText(service.name, `${field}.service.name`);
  const { name = '', number = 0 } = service.port ?? {};
  if (name !== '' && number !== 0)
    return [...errors, invalidValue(field, '', 'cannot set both port name & port number')];
  if (name !== '') return [...errors, ...checkName(name, `${field}.service.port.name`, checkPortName)];
  return number === 0
    ? [...errors, required(`${field}.service`, 'port name or number is required')]
    : [...errors, ...checkNumber(number, `${field}.service.port.number`, checkPortNumber)];
}
