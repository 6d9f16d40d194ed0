import { expect, test } from 'vitest';
import { exitStatus, failureStatus, formatStatus } from './status.ts';

test.each([
  { name: 'success', status: exitStatus(0), v4: '{"metadata":{},"status":"Success"}', v3: '' },
  {
    name: 'an exit code',
    status: exitStatus(56),
    v4: '{"metadata":{},"status":"Failure","message":"command terminated with non-zero exit code: exit status 56","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"56"}]}}',
    v3: 'command terminated with non-zero exit code: exit status 56',
  },
  {
    name: 'a failure',
    status: failureStatus('no such program'),
    v4: '{"metadata":{},"status":"Failure","message":"Internal error occurred: no such program","reason":"InternalError","details":{"causes":[{"reason":"","message":"no such program"}]},"code":500}',
    v3: 'Internal error occurred: no such program',
  },
])('$name is JSON from version 4 on, words before', ({ status, v4, v3 }) => {
  expect(formatStatus(status, 'v5.channel.k8s.io')).toBe(v4);
  expect(formatStatus(status, 'v4.base64.channel.k8s.io')).toBe(v4);
  expect(formatStatus(status, 'v3.channel.k8s.io')).toBe(v3);
  expect(formatStatus(status, 'channel.k8s.io')).toBe(v3);
});
