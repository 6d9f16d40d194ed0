import type { ConfigMap, Container, EnvFromSource, EnvVar, Pod, Secret } from '#api/core/v1.ts';
import { PodError } from '../pod-hook.ts';
import { type DownwardFacts, fieldValue, resourceValue } from './downward.ts';
import { expand } from './expand.ts';

/** Objects a container's environment refers to, by name in the pod's namespace; undefined where there is none. */
export interface EnvObjects {
  readonly configMaps: ReadonlyMap<string, ConfigMap>;
  readonly secrets: ReadonlyMap<string, Secret>;
}

export interface EnvContext extends EnvObjects {
  readonly pod: Pod;
  readonly facts: DownwardFacts;
  readonly services: ReadonlyMap<string, string>;
  readonly hostname: string;
}

/** Names of the ConfigMaps and Secrets an environment refers to. */
export function envReferences(container: Container): { configMaps: string[]; secrets: string[] } {
  const { env = [], envFrom = [] } = container;
  const configMaps = [
    ...envFrom.map((from) => from.configMapRef),
    ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef),
  ];
  const secrets = [...envFrom.map((from) => from.secretRef), ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef)];
  const names = (references: readonly ({ name?: string | undefined } | undefined)[]) => [
    ...new Set(references.flatMap((reference) => (reference?.name === undefined ? [] : [reference.name]))),
  ];
  return { configMaps: names(configMaps), secrets: names(secrets) };
}

/** The container's variables. Its own win over `envFrom`, and both over those of services. Throws PodError. */
export function environment(container: Container, context: EnvContext): Map<string, string> {
  const own = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    for (const [name, value] of fromSource(source, context)) own.set(name, value);
  }
  for (const variable of container.env ?? []) {
    // What is defined above may be referred to, the services' variables too.
    const value = variableValue(container, variable, context, new Map([...context.services, ...own]));
    if (value !== undefined) own.set(variable.name, value);
  }
  return new Map([['HOSTNAME', context.hostname], ...context.services, ...own]);
}

const NAME = /^[ -<>-~]+$/;

function fromSource({ prefix = '', configMapRef, secretRef }: EnvFromSource, context: EnvContext): [string, string][] {
  if (configMapRef !== undefined) {
    const { data = {} } = configMap(context, configMapRef) ?? {};
    return named(prefix, Object.entries(data));
  }
  if (secretRef === undefined) return [];
  const { data = {} } = secret(context, secretRef) ?? {};
  return named(
    prefix,
    Object.entries(data).map(([key, value]) => [key, decode(value)]),
  );
}

const named = (prefix: string, entries: readonly [string, string][]) =>
  entries.map(([key, value]): [string, string] => [`${prefix}${key}`, value]).filter(([key]) => NAME.test(key));

const decode = (base64: string) => Buffer.from(base64, 'base64').toString();

interface Reference {
  readonly name?: string | undefined;
  readonly optional?: boolean | undefined;
}

function configMap({ configMaps }: EnvObjects, { name = '', optional }: Reference): ConfigMap | undefined {
  const found = configMaps.get(name);
  if (found === undefined && optional !== true) throw configError(`configmap "${name}" not found`);
  return found;
}

function secret({ secrets }: EnvObjects, { name = '', optional }: Reference): Secret | undefined {
  const found = secrets.get(name);
  if (found === undefined && optional !== true) throw configError(`secret "${name}" not found`);
  return found;
}

function variableValue(
  container: Container,
  { value = '', valueFrom }: EnvVar,
  context: EnvContext,
  defined: ReadonlyMap<string, string>,
): string | undefined {
  if (value !== '' || valueFrom === undefined) return expand(value, defined);
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = valueFrom;
  const { pod, facts } = context;
  if (fieldRef !== undefined) return fieldValue(pod, fieldRef, facts);
  if (resourceFieldRef !== undefined) {
    const containers = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? []), container];
    return resourceValue(containers, resourceFieldRef, { own: container.name, allocatable: facts.allocatable });
  }
  if (configMapKeyRef !== undefined) {
    const found = configMap(context, configMapKeyRef);
    return keyValue(found?.data?.[configMapKeyRef.key], { ...configMapKeyRef, kind: 'ConfigMap', pod });
  }
  if (secretKeyRef !== undefined) {
    const text = secret(context, secretKeyRef)?.data?.[secretKeyRef.key];
    return keyValue(text === undefined ? undefined : decode(text), { ...secretKeyRef, kind: 'Secret', pod });
  }
  throw configError('unsupported source of an environment variable');
}

function keyValue(
  value: string | undefined,
  { kind, key, name = '', optional, pod }: Reference & { kind: string; key: string; pod: Pod },
): string | undefined {
  if (value !== undefined || optional === true) return value;
  throw configError(`couldn't find key ${key} in ${kind} ${pod.metadata.namespace ?? ''}/${name}`);
}

function configError(message: string): PodError {
  return new PodError('CreateContainerConfigError', message);
}
