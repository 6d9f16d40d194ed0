import { expect, test } from 'vitest';
import type { Pod } from '#api/core/v1.ts';
import { claimsOf } from './storage-protection.ts';

test('claimsOf finds claims by name and those of ephemeral volumes', () => {
  const pod: Pod = {
    metadata: { name: 'db-0' },
    spec: {
      containers: [],
      volumes: [
        { name: 'a', persistentVolumeClaim: { claimName: 'data' } },
        { name: 'scratch', ephemeral: {} },
        { name: 'c', emptyDir: {} },
      ],
    },
  };
  expect(claimsOf(pod)).toEqual(['data', 'db-0-scratch']);
});
