import { type Binding, bindings } from '#api/core/v1.ts';
import type { Client } from '#client/client.ts';
import { defineResource, type ResourceDefinition } from '#server/apiserver/resource.ts';
import { bindPod } from './pod-binding.ts';

/** Binding: the old way to put a pod onto a node; the pod's own subresource does the same. */
export function bindingResource(client: () => Client): ResourceDefinition<Binding> {
  return defineResource<Binding>(bindings, {
    async answer(binding, context) {
      return (await bindPod(binding.metadata.name, binding, { ...context, client: client() })) as Binding;
    },
  });
}
