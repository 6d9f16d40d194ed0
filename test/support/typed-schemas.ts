import { BuiltinSchemas } from '#api/schema/registry.ts';
import type { Schema } from '#api/schema/schema.ts';

/** Schemas that tests of typed values share: built-in ones by name, and a custom one with every kind of list and map. */
export const registry = new BuiltinSchemas();
export const ref = (name: string): Schema => ({ type: 'ref', name: `io.k8s.api.${name}` });
export const META: Schema = { type: 'ref', name: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' };
export const ANY: Schema = { type: 'any' };
export const CUSTOM: Schema = {
  type: 'object',
  required: [],
  fields: {
    tags: { schema: { type: 'list', listType: 'set', items: { type: 'string' } } },
    rows: {
      schema: {
        type: 'list',
        listType: 'map',
        keys: ['a', 'b'],
        items: {
          type: 'object',
          required: [],
          fields: {
            a: { schema: { type: 'string' } },
            b: { schema: { type: 'integer' } },
            c: { schema: { type: 'boolean' } },
          },
        },
      },
    },
    fixed: { schema: { type: 'object', atomic: true, required: [], fields: {} } },
    open: { schema: ANY },
    amount: { schema: { type: 'quantity' } },
    maybe: { schema: { type: 'string', nullable: true } },
  },
};
