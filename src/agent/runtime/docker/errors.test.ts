import { expect, test } from 'vitest';
import { refusal, unavailable } from './errors.ts';

const RUNC =
  'failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process:';

test.each([
  { status: 404, message: 'No such container: x', code: 'not-found' },
  { status: 404, message: 'No such image: x:1', code: 'bad-image' },
  { status: 400, message: 'invalid reference format', code: 'bad-image' },
  { status: 400, message: 'invalid reference format: repository name must be lowercase', code: 'bad-image' },
  { status: 409, message: 'Conflict. The container name "/x" is already in use', code: 'conflict' },
  { status: 400, message: `${RUNC} exec: "x": executable file not found in $PATH: unknown`, code: 'bad-command' },
  { status: 400, message: `${RUNC} exec: "/etc": permission denied: unknown`, code: 'bad-command' },
  { status: 400, message: `${RUNC} exec: "/etc": is a directory: unknown`, code: 'bad-command' },
  { status: 400, message: `${RUNC} exec /x: exec format error: unknown`, code: 'bad-command' },
  { status: 400, message: 'unable to find user joe: no matching entries in passwd file', code: 'bad-command' },
  {
    status: 400,
    message: 'invalid mount config for type "bind": bind source path does not exist: /x',
    code: 'refused',
  },
  { status: 500, message: `${RUNC} unable to apply caps: operation not permitted: unknown`, code: 'refused' },
  { status: 500, message: 'Get "https://registry/v2/": dial tcp: connection refused', code: 'failed' },
])('$status $message', ({ status, message, code }) => {
  expect(refusal(status, message)).toMatchObject({ name: 'RuntimeError', code, message });
});

test('who cannot be reached is named', () => {
  const error = unavailable('/run/docker.sock', new Error('connect ENOENT'));
  expect(error).toMatchObject({
    code: 'unavailable',
    message: 'Cannot reach Docker at "/run/docker.sock": connect ENOENT',
  });
});
