import type { Service, ServicePort, ServiceSpec } from '#api/core/v1.ts';
import type { FieldError } from '#api/meta/validation.ts';
import type { ServiceAllocator } from './service-allocator.ts';

const isText = (value: string | FieldError): value is string => typeof value === 'string';

export function needsAddress({ type }: ServiceSpec): boolean {
  return type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer';
}

export function needsNodePorts({ type, allocateLoadBalancerNodePorts }: ServiceSpec): boolean {
  return type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts !== false);
}

export function needsHealthCheckPort({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local';
}

/** Brings a changed Service in line with what it held: fields a client left out stay, those its new type lacks go. */
export function carryAllocations(service: Service, old: Service): void {
  const { spec = {} } = service;
  const before = old.spec ?? {};
  if (needsAddress(spec) && needsAddress(before)) {
    if (!spec.clusterIP && (spec.clusterIPs ?? []).length === 0) {
      spec.clusterIP = before.clusterIP;
      spec.clusterIPs = before.clusterIPs === undefined ? undefined : [...before.clusterIPs];
    } else if (!spec.clusterIP) spec.clusterIP = spec.clusterIPs?.[0];
    else if (spec.clusterIP !== before.clusterIP || (spec.clusterIPs ?? []).length === 0)
      spec.clusterIPs = [spec.clusterIP];
    spec.ipFamilies ??= before.ipFamilies === undefined ? undefined : [...before.ipFamilies];
    spec.ipFamilyPolicy ??= before.ipFamilyPolicy;
  }
  if (needsNodePorts(spec) && needsNodePorts(before)) keepNodePorts(spec.ports ?? [], before.ports ?? []);
  if (needsHealthCheckPort(spec) && needsHealthCheckPort(before) && !spec.healthCheckNodePort)
    spec.healthCheckNodePort = before.healthCheckNodePort;
  dropForeignFields(spec, before);
}

function keepNodePorts(ports: readonly ServicePort[], old: readonly ServicePort[]): void {
  const taken = new Set(ports.map(({ nodePort }) => nodePort));
  for (const port of ports) {
    if (port.nodePort !== undefined && port.nodePort !== 0) continue;
    const same = old.find(({ port: number, protocol }) => number === port.port && protocol === port.protocol);
    if (same?.nodePort !== undefined && !taken.has(same.nodePort)) port.nodePort = same.nodePort;
  }
}

/** A client that changes only the type means the fields of the old type to go with it. */
function dropForeignFields(spec: ServiceSpec, before: ServiceSpec): void {
  if (spec.type === 'ExternalName' && spec.clusterIP === before.clusterIP) {
    for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) delete spec[field];
  }
  const kept = (port: ServicePort) => before.ports?.some(({ nodePort }) => nodePort === port.nodePort) === true;
  if (
    needsNodePorts(before) &&
    !needsNodePorts(spec) &&
    spec.type !== 'LoadBalancer' &&
    (spec.ports ?? []).every((port) => port.nodePort === undefined || kept(port))
  ) {
    for (const port of spec.ports ?? []) delete port.nodePort;
  }
  if (!needsHealthCheckPort(spec) && spec.healthCheckNodePort === before.healthCheckNodePort)
    delete spec.healthCheckNodePort;
  if (spec.type !== 'LoadBalancer' && before.type === 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts)
      delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
  }
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  if (!isExternal && spec.externalTrafficPolicy === before.externalTrafficPolicy) delete spec.externalTrafficPolicy;
}

/** Takes everything a Service needs and does not have yet. Errors name the fields that cannot be had. */
export function allocate(service: Service, allocator: ServiceAllocator): FieldError[] {
  const spec = service.spec ?? {};
  return [
    ...allocateAddress(service, spec, allocator),
    ...allocateNodePorts(service, spec, allocator),
    ...allocateHealthCheckPort(service, spec, allocator),
  ];
}

function allocateAddress(service: Service, spec: ServiceSpec, allocator: ServiceAllocator): FieldError[] {
  if (!needsAddress(spec)) return [];
  settleFamilies(spec, allocator);
  const asked = spec.clusterIP || spec.clusterIPs?.[0] || '';
  if (asked === 'None') {
    spec.clusterIP = 'None';
    spec.clusterIPs ??= ['None'];
    return [];
  }
  if (asked !== '') {
    spec.clusterIP = asked;
    if ((spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [asked];
    const error = allocator.claimAddress(service, asked);
    return error === undefined ? [] : [error];
  }
  const taken = allocator.takeAddress(service);
  if (!isText(taken)) return [taken];
  spec.clusterIP = taken;
  spec.clusterIPs = [taken];
  return [];
}

/** One family, unless nothing limits a headless Service: hand-written endpoints may be of either. */
function settleFamilies(spec: ServiceSpec, { family }: ServiceAllocator): void {
  const [own, other] = family === 4 ? ['IPv4', 'IPv6'] : ['IPv6', 'IPv4'];
  const isHeadless = spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None';
  const isOpen = isHeadless && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= isOpen ? 'RequireDualStack' : 'SingleStack';
  if ((spec.ipFamilies ?? []).length > 0) return;
  spec.ipFamilies = isOpen && spec.ipFamilyPolicy !== 'SingleStack' ? [own, other] : [own];
}

function allocateNodePorts(service: Service, spec: ServiceSpec, allocator: ServiceAllocator): FieldError[] {
  const errors: FieldError[] = [];
  const asked = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  if (!asked) return errors;
  const byNumber = new Map<number, number>();
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const field = `spec.ports[${index}].nodePort`;
    if (port.nodePort !== undefined && port.nodePort !== 0) {
      const error = allocator.claimPort(service, port.nodePort, field);
      if (error === undefined) byNumber.set(port.port, port.nodePort);
      else errors.push(error);
    }
  }
  if (!needsNodePorts(spec)) return errors;
  for (const [index, port] of (spec.ports ?? []).entries()) {
    if (port.nodePort !== undefined && port.nodePort !== 0) continue;
    // The same port over another protocol shares the number where it can.
    const shared = byNumber.get(port.port);
    const isFree =
      shared !== undefined &&
      !spec.ports?.some((other) => other.nodePort === shared && other.protocol === port.protocol);
    const taken =
      isFree && shared !== undefined ? shared : allocator.takePort(service, `spec.ports[${index}].nodePort`);
    if (typeof taken !== 'number') return [...errors, taken];
    port.nodePort = taken;
    byNumber.set(port.port, taken);
  }
  return errors;
}

function allocateHealthCheckPort(service: Service, spec: ServiceSpec, allocator: ServiceAllocator): FieldError[] {
  if (!needsHealthCheckPort(spec)) return [];
  const field = 'spec.healthCheckNodePort';
  if (spec.healthCheckNodePort !== undefined && spec.healthCheckNodePort !== 0) {
    const error = allocator.claimPort(service, spec.healthCheckNodePort, field);
    return error === undefined ? [] : [error];
  }
  const taken = allocator.takePort(service, field);
  if (typeof taken !== 'number') return [taken];
  spec.healthCheckNodePort = taken;
  return [];
}
