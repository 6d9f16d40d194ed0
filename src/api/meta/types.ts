import type { ListMeta, ObjectMeta } from '../generated/meta-v1.ts';

export type {
  Condition,
  DeleteOptions,
  FieldSelectorRequirement,
  LabelSelector,
  LabelSelectorRequirement,
  ListMeta,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
  Preconditions,
  Status,
  StatusCause,
  StatusDetails,
  TemplateMeta,
} from '../generated/meta-v1.ts';

/** Every object the API serves by name. */
export interface ApiObject {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ObjectMeta;
}

/** What a list request answers. */
export interface ObjectList<T extends ApiObject = ApiObject> {
  apiVersion?: string | undefined;
  kind?: string | undefined;
  metadata: ListMeta;
  items: T[];
}

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';

/** One line of a watch. The object of ERROR is a Status; BOOKMARK's carries a resourceVersion only. */
export interface WatchEvent<T extends ApiObject = ApiObject> {
  type: WatchEventType;
  object: T;
}
