import type { UserInfo } from '#api/admission/request.ts';
import { deepClone, deepFreeze } from '#api/meta/clone.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { renderFieldError } from '#api/meta/validation.ts';
import { applyDefaults } from '#api/schema/defaulting.ts';
import { BuiltinSchemas } from '#api/schema/registry.ts';
import type { RequestContext, ResourceDefinition } from '#server/apiserver/resource.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';

/** What a resource's rules are told in tests; parts may be replaced. */
export function requestContext(parts: Partial<RequestContext> = {}): RequestContext {
  const user: UserInfo = { username: 'tester', groups: ['system:authenticated'] };
  return {
    user,
    namespace: 'dev',
    name: undefined,
    dryRun: false,
    now: new Date('2026-06-01T12:00:00Z'),
    cache: new MemoryCache(),
    signal: AbortSignal.timeout(10_000),
    warn: () => {},
    ...parts,
  };
}

const schemas = new BuiltinSchemas();

function fillIn<T extends ApiObject>({ schema, defaults }: ResourceDefinition<T>, object: T): void {
  applyDefaults(schema, object, schemas);
  defaults?.(object);
}

/** Runs a create as the generic verbs would, and returns the object with everything that is wrong with it. */
export function create<T extends ApiObject>(
  definition: ResourceDefinition<T>,
  input: T,
  context = requestContext(),
): { object: T; errors: string[] } {
  const object = deepClone(input);
  fillIn(definition, object);
  definition.prepareCreate?.(object, context);
  return { object, errors: (definition.validate?.(object, context) ?? []).map(renderFieldError) };
}

/** Runs an update as the generic verbs would. */
export function update<T extends ApiObject>(
  definition: ResourceDefinition<T>,
  { input, old }: { input: T; old: T },
  context = requestContext(),
): { object: T; errors: string[] } {
  const object = deepClone(input);
  const before = deepFreeze(deepClone(old));
  fillIn(definition, object);
  definition.prepareUpdate?.(object, before, context);
  const errors = [
    ...(definition.validate?.(object, context) ?? []),
    ...(definition.validateUpdate?.(object, before, context) ?? []),
  ];
  return { object, errors: errors.map(renderFieldError) };
}

/** The cells of an object's row, by column name. */
export function cells<T extends ApiObject>(
  definition: ResourceDefinition<T>,
  object: T,
  now = requestContext().now,
): Record<string, unknown> {
  return Object.fromEntries(definition.columns.map(({ name, value }) => [name, value(object, now)]));
}
