import { expect, test } from 'vitest';
import { compareVersions } from './version-order.ts';

test('stable before beta before alpha, higher before lower, others last by name', () => {
  const versions = ['foo10', 'v1alpha1', 'v2beta1', 'v1', 'v10', 'v3beta1', 'v2', 'foo1', 'v11alpha2', 'v3beta2'];
  expect(versions.sort(compareVersions)).toEqual([
    'v10',
    'v2',
    'v1',
    'v3beta2',
    'v3beta1',
    'v2beta1',
    'v11alpha2',
    'v1alpha1',
    'foo1',
    'foo10',
  ]);
});
