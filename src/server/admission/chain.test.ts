import { expect, test } from 'vitest';
import { pods } from '#api/core/v1.ts';
import { admissionRequest } from '#test/support/admission.ts';
import { admissionChain } from './chain.ts';
import type { AdmissionPlugin } from './plugin.ts';

function plugin(name: string, said: string[], part: Partial<AdmissionPlugin> = {}): AdmissionPlugin {
  return {
    name,
    handles: () => true,
    mutate: () => void said.push(`${name} mutates`),
    validate: () => void said.push(`${name} validates`),
    ...part,
  };
}

test('asks the plugins in their order, those that wait too', async () => {
  const said: string[] = [];
  const slow = plugin('slow', said, {
    mutate: async () => {
      await new Promise(setImmediate);
      said.push('slow mutates');
    },
  });
  const chain = admissionChain([slow, plugin('quick', said)]);
  const request = admissionRequest(pods);
  await chain.mutate(request);
  await chain.validate(request);
  expect(said).toEqual(['slow mutates', 'quick mutates', 'slow validates', 'quick validates']);
});

test('leaves out plugins that do not handle the request', async () => {
  const said: string[] = [];
  const chain = admissionChain([plugin('other', said, { handles: () => false }), plugin('own', said)]);
  await chain.validate(admissionRequest(pods));
  expect(said).toEqual(['own validates']);
});

test('ends with the first refusal', async () => {
  const said: string[] = [];
  const strict = plugin('strict', said, {
    validate() {
      throw new Error('no');
    },
  });
  const chain = admissionChain([strict, plugin('late', said)]);
  await expect(chain.validate(admissionRequest(pods))).rejects.toThrow('no');
  expect(said).toEqual([]);
});
