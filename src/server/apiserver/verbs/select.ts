import { badRequest } from '#api/meta/errors.ts';
import { type FieldSelector, parseFieldSelector, parseLabelSelector } from '#api/meta/selectors.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { ResourceDefinition } from '../resource.ts';

/** Which objects of a resource a list or watch is about. */
export interface Selection {
  readonly namespace: string | undefined;
  /** Set when only one name can match. */
  readonly name: string | undefined;
  /** Neither selector says anything: every object of the namespace matches. */
  readonly isEverything: boolean;
  matches(object: ApiObject): boolean;
}

export interface SelectionRequest {
  readonly definition: ResourceDefinition;
  readonly namespace: string | undefined;
  /** Of the URL. */
  readonly name: string | undefined;
  readonly labelSelector: string;
  readonly fieldSelector: string;
}

/** Compiles the selectors of a request. Throws 400 for a field that the resource cannot be selected by. */
export function select({ definition, namespace, name, ...selectors }: SelectionRequest): Selection {
  const labels = parseLabelSelector(selectors.labelSelector);
  const fields = parseFieldSelector(selectors.fieldSelector);
  const getters = fieldGetters(definition, fields);
  const exact = fields.exactValue('metadata.name');
  if (name !== undefined && exact !== undefined && exact !== name) {
    throw badRequest(`fieldSelector metadata.name doesn't match requested name`);
  }
  const wanted = name ?? exact;
  return {
    namespace: namespace === '' ? undefined : namespace,
    name: wanted,
    isEverything: labels.isEmpty && fields.isEmpty && wanted === undefined,
    matches(object) {
      if (name !== undefined && object.metadata.name !== name) return false;
      if (!labels.isEmpty && !labels.matches(object.metadata.labels)) return false;
      return fields.isEmpty || fields.matches((field) => getters.get(field)?.(object));
    },
  };
}

type Getter = (object: ApiObject) => string;

const NAME: Getter = ({ metadata }) => metadata.name ?? '';
const NAMESPACE: Getter = ({ metadata }) => metadata.namespace ?? '';

function fieldGetters({ ref, fieldSelectors }: ResourceDefinition, fields: FieldSelector): Map<string, Getter> {
  const getters = new Map<string, Getter>();
  for (const { field } of fields.requirements) {
    const getter = getterOf(field, ref.namespaced, fieldSelectors);
    if (getter === undefined) {
      const words =
        ref.kind === 'Job' ? `field label "${field}" not supported for Job` : `field label not supported: ${field}`;
      throw badRequest(words);
    }
    getters.set(field, getter);
  }
  return getters;
}

function getterOf(field: string, namespaced: boolean, own: ResourceDefinition['fieldSelectors']): Getter | undefined {
  if (field === 'metadata.name') return NAME;
  if (field === 'metadata.namespace' && namespaced) return NAMESPACE;
  return Object.hasOwn(own, field) ? own[field] : undefined;
}
