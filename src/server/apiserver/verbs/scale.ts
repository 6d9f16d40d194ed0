import { deepClone } from '#api/meta/clone.ts';
import { badRequest, invalid } from '#api/meta/errors.ts';
import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import { labelSelectorFromMap, labelSelectorOf } from '#api/meta/selectors.ts';
import type { ApiObject, LabelSelector } from '#api/meta/types.ts';
import { invalidValue } from '#api/meta/validation.ts';
import type { ScalePaths } from '../resource.ts';
import { type Call, type Mutable, objectReply, type Reply, type VerbDeps } from './call.ts';
import { decodeObject } from './decode.ts';
import { parseWriteOptions } from './options.ts';
import { requireEntry } from './read.ts';
import { type Proposal, runUpdate } from './update.ts';

export const SCALE_KIND = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

export interface Scale extends ApiObject {
  readonly spec: { replicas?: number };
  readonly status: { replicas: number; selector?: string };
}

/** GET of `scale`. */
export function getScale(call: Call): Reply {
  const { object } = requireEntry(call, { namespace: call.namespace, name: call.name ?? '' });
  return objectReply(scaleOf(object, requirePaths(call)));
}

/** PUT of `scale`. */
export function updateScale(deps: VerbDeps, call: Call): Promise<Reply> {
  const paths = requirePaths(call);
  const options = parseWriteOptions(call, 'UpdateOptions');
  const schema = deps.kindSchema(SCALE_KIND);
  const target = { gvk: SCALE_KIND, schema, registry: deps.schemas };
  const scale = decodeObject(call, target, options.fieldValidation) as unknown as Scale;
  const given = scale.metadata.name ?? '';
  if (given !== '' && given !== call.name) {
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${call.name})`);
  }
  return runUpdate(deps, call, {
    options,
    optionsKind: 'UpdateOptions',
    propose: (current) => (current === undefined ? undefined : withScale(current.object, scale, paths)),
    reply: (_, object, code) => objectReply(scaleOf(object, paths), code),
  });
}

/** The paths of a resource that can be scaled. */
export function requirePaths({ served }: Call): ScalePaths {
  const { scale } = served.definition;
  if (scale === undefined) throw new Error(`The resource ${served.definition.ref.plural} has no scale`);
  return scale;
}

/** An object as its Scale. */
export function scaleOf(object: ApiObject, { specReplicas, statusReplicas, selector }: ScalePaths): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = readPath(object, specReplicas);
  const selectorText = selector === undefined ? '' : selectorString(readPath(object, selector));
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: typeof replicas === 'number' ? { replicas } : {},
    status: {
      replicas: Number(readPath(object, statusReplicas) ?? 0),
      ...(selectorText !== '' && { selector: selectorText }),
    },
  } as Scale;
}

/** The object as a Scale wants it. Throws 422 for a negative number. */
export function withScale(object: ApiObject, scale: Scale, { specReplicas }: ScalePaths): Proposal {
  const next = deepClone(object) as Mutable;
  const replicas = scale.spec?.replicas ?? 0;
  if (!Number.isInteger(replicas) || replicas < 0) {
    const error = invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0');
    throw invalid(SCALE_KIND, object.metadata.name ?? '', [error]);
  }
  writePath(next, specReplicas, replicas);
  const { resourceVersion = '', uid = '' } = scale.metadata;
  if (resourceVersion !== '') next.metadata.resourceVersion = resourceVersion;
  if (uid !== '') next.metadata.uid = uid;
  return { object: next };
}

function selectorString(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!isJsonObject(value)) return '';
  const isSelector = 'matchLabels' in value || 'matchExpressions' in value;
  const matcher = isSelector
    ? labelSelectorOf(value as LabelSelector)
    : labelSelectorFromMap(value as Record<string, string>);
  return matcher.toString();
}

const segmentsOf = (path: string) => path.split('.').filter((segment) => segment !== '');

/** The value at a dotted path such as `.spec.replicas`. */
export function readPath(object: object, path: string): unknown {
  let value: unknown = object;
  for (const segment of segmentsOf(path)) value = isJsonObject(value) ? value[segment] : undefined;
  return value;
}

function writePath(object: object, path: string, value: unknown): void {
  const segments = segmentsOf(path);
  const last = segments.pop();
  let place = object as JsonObject;
  for (const segment of segments) {
    if (!isJsonObject(place[segment])) place[segment] = {};
    place = place[segment] as JsonObject;
  }
  if (last !== undefined) place[last] = value;
}
