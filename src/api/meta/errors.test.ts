import { describe, expect, test } from 'vitest';
import * as errors from './errors.ts';
import { isStatus, statusErrorFrom } from './errors.ts';
import { invalidValue, required } from './validation.ts';

const pods = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const deployments = { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true };

test.each([
  {
    error: errors.notFound(deployments, 'web'),
    code: 404,
    reason: 'NotFound',
    message: 'deployments.apps "web" not found',
    details: { name: 'web', group: 'apps', kind: 'deployments' },
  },
  {
    error: errors.notFound(pods, 'web'),
    code: 404,
    reason: 'NotFound',
    message: 'pods "web" not found',
    details: { name: 'web', kind: 'pods' },
  },
  {
    error: errors.resourceNotFound(),
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
    details: {},
  },
  {
    error: errors.alreadyExists(pods, 'web'),
    code: 409,
    reason: 'AlreadyExists',
    message: 'pods "web" already exists',
    details: { name: 'web', kind: 'pods' },
  },
  {
    error: errors.alreadyExistsTerminating(pods, 'web'),
    code: 409,
    reason: 'AlreadyExists',
    message: 'object is being deleted: pods "web" already exists',
    details: { name: 'web', kind: 'pods' },
  },
  {
    error: errors.generateNameConflict(pods, 'web-x'),
    code: 409,
    reason: 'AlreadyExists',
    message: 'pods "web-x" already exists, the server was not able to generate a unique name for the object',
    details: { name: 'web-x', kind: 'pods', retryAfterSeconds: 1 },
  },
  {
    error: errors.conflict(pods, 'web'),
    code: 409,
    reason: 'Conflict',
    message:
      'Operation cannot be fulfilled on pods "web": the object has been modified; please apply your changes to the latest version and try again',
    details: { name: 'web', kind: 'pods' },
  },
  {
    error: errors.applyConflict([{ manager: '"kubectl" using apps/v1', field: '.spec.replicas' }]),
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas',
    details: {
      causes: [
        { reason: 'FieldManagerConflict', message: 'conflict with "kubectl" using apps/v1', field: '.spec.replicas' },
      ],
    },
  },
  {
    error: errors.invalid(deployments, 'web', [required('spec.x')]),
    code: 422,
    reason: 'Invalid',
    message: 'Deployment.apps "web" is invalid: spec.x: Required value',
    details: {
      name: 'web',
      group: 'apps',
      kind: 'Deployment',
      causes: [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.x' }],
    },
  },
  {
    error: errors.invalid(pods, '', []),
    code: 422,
    reason: 'Invalid',
    message: 'Pod "" is invalid',
    details: { kind: 'Pod' },
  },
  { error: errors.unprocessable('no'), code: 422, reason: 'Invalid', message: 'no', details: {} },
  {
    error: errors.forbidden(pods, 'web', 'exceeded quota'),
    code: 403,
    reason: 'Forbidden',
    message: 'pods "web" is forbidden: exceeded quota',
    details: { name: 'web', kind: 'pods' },
  },
  {
    error: errors.accessDenied({ user: 'u<x>', verb: 'list', resource: deployments }),
    code: 403,
    reason: 'Forbidden',
    message:
      'deployments.apps is forbidden: User "u&lt;x&gt;" cannot list resource "deployments" in API group "apps" at the cluster scope',
    details: { group: 'apps', kind: 'deployments' },
  },
  {
    error: errors.accessDenied({
      user: 'u',
      verb: 'get',
      resource: pods,
      subresource: 'log',
      namespace: 'ns',
      name: 'web',
      why: 'no such role',
    }),
    code: 403,
    reason: 'Forbidden',
    message:
      'pods "web" is forbidden: User "u" cannot get resource "pods/log" in API group "" in the namespace "ns": no such role',
    details: { name: 'web', kind: 'pods' },
  },
  {
    error: errors.accessDenied({ user: 'u', verb: 'get', path: '/x' }),
    code: 403,
    reason: 'Forbidden',
    message: 'forbidden: User "u" cannot get path "/x"',
    details: {},
  },
  { error: errors.unauthorized(), code: 401, reason: 'Unauthorized', message: 'Unauthorized', details: undefined },
  { error: errors.badRequest('bad'), code: 400, reason: 'BadRequest', message: 'bad', details: undefined },
  {
    error: errors.methodNotAllowed(deployments, 'patch'),
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'patch is not supported on resources of kind "deployments.apps"',
    details: { group: 'apps', kind: 'deployments' },
  },
  {
    error: errors.notAcceptable(['application/json', 'application/yaml']),
    code: 406,
    reason: 'NotAcceptable',
    message: 'only the following media types are accepted: application/json, application/yaml',
    details: undefined,
  },
  {
    error: errors.unsupportedMediaType(['application/json']),
    code: 415,
    reason: 'UnsupportedMediaType',
    message: 'the body of the request was in an unknown format - accepted media types include: application/json',
    details: undefined,
  },
  {
    error: errors.tooLarge(3145728),
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: 'Request entity too large: limit is 3145728',
    details: undefined,
  },
  { error: errors.expired('too old'), code: 410, reason: 'Expired', message: 'too old', details: undefined },
  { error: errors.gone('too old'), code: 410, reason: 'Gone', message: 'too old', details: undefined },
  {
    error: errors.tooManyRequests('slow down', 5),
    code: 429,
    reason: 'TooManyRequests',
    message: 'slow down',
    details: { retryAfterSeconds: 5 },
  },
  { error: errors.timeout('late'), code: 504, reason: 'Timeout', message: 'Timeout: late', details: {} },
  {
    error: errors.resourceVersionTooLarge(9, 5),
    code: 504,
    reason: 'Timeout',
    message: 'Timeout: Too large resource version: 9, current: 5',
    details: {
      retryAfterSeconds: 1,
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    },
  },
  {
    error: errors.serverTimeout(pods, 'list'),
    code: 500,
    reason: 'ServerTimeout',
    message: 'The list operation against pods could not be completed at this time, please try again.',
    details: { name: 'list', kind: 'pods', retryAfterSeconds: 1 },
  },
  {
    error: errors.internalError(new Error('boom')),
    code: 500,
    reason: 'InternalError',
    message: 'Internal error occurred: boom',
    details: { causes: [{ message: 'boom' }] },
  },
  {
    error: errors.serviceUnavailable('no'),
    code: 503,
    reason: 'ServiceUnavailable',
    message: 'no',
    details: undefined,
  },
])('$code $message', ({ error, code, reason, message, details }) => {
  expect(error.status).toEqual({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  });
  expect([error.code, error.reason, error.message]).toEqual([code, reason, message]);
});

test('several apply conflicts are grouped by manager in order of name', () => {
  const error = errors.applyConflict([
    { manager: '"b"', field: '.x' },
    { manager: '"a"', field: '.y' },
    { manager: '"b"', field: '.z' },
  ]);
  expect(error.message).toBe(
    'Apply failed with 3 conflicts: conflicts with "a":\n- .y\nconflicts with "b":\n- .x\n- .z',
  );
});

test('several invalid fields are bracketed', () => {
  expect(errors.invalid(pods, 'p', [required('a'), invalidValue('b', 1, 'no')]).message).toBe(
    'Pod "p" is invalid: [a: Required value, b: Invalid value: 1: no]',
  );
});

test('a status without reason or code still is an error', () => {
  const error = new errors.StatusError({ status: 'Failure' });
  expect([error.code, error.reason, error.message]).toEqual([500, '', 'the server responded with the status code 0']);
});

test('keeps the cause', () => {
  const cause = new Error('inner');
  expect(errors.internalError(cause).cause).toBe(cause);
  expect(errors.internalError('text').message).toBe('Internal error occurred: text');
  expect(errors.withCauses(errors.badRequest('x', cause), [{ message: 'm' }]).cause).toBe(cause);
  expect(errors.toStatusError(cause).cause).toBe(cause);
  const known = errors.badRequest('x');
  expect(errors.toStatusError(known)).toBe(known);
});

describe('predicates', () => {
  test.each([
    { is: errors.isNotFound, error: errors.notFound(pods, 'a') },
    { is: errors.isAlreadyExists, error: errors.alreadyExists(pods, 'a') },
    { is: errors.isConflict, error: errors.conflict(pods, 'a') },
    { is: errors.isInvalid, error: errors.invalid(pods, 'a', []) },
    { is: errors.isForbidden, error: errors.forbidden(pods, 'a', '') },
    { is: errors.isUnauthorized, error: errors.unauthorized() },
    { is: errors.isBadRequest, error: errors.badRequest('a') },
    { is: errors.isMethodNotAllowed, error: errors.methodNotAllowed(pods, 'a') },
    { is: errors.isTooManyRequests, error: errors.tooManyRequests('a') },
    { is: errors.isServiceUnavailable, error: errors.serviceUnavailable('a') },
    { is: errors.isInternalError, error: errors.internalError('a') },
    { is: errors.isExpired, error: errors.expired('a') },
    { is: errors.isExpired, error: errors.gone('a') },
    { is: errors.isTimeout, error: errors.timeout('a') },
    { is: errors.isTimeout, error: errors.serverTimeout(pods, 'a') },
  ])('$error.reason', ({ is, error }) => {
    expect(is(error)).toBe(true);
    expect(is(errors.notAcceptable([]))).toBe(false);
    expect(is(new Error(error.message))).toBe(false);
  });
});

test('retryAfterSeconds', () => {
  expect(errors.retryAfterSeconds(errors.tooManyRequests('a', 3))).toBe(3);
  expect(errors.retryAfterSeconds(errors.badRequest('a'))).toBeUndefined();
  expect(errors.retryAfterSeconds(new Error('a'))).toBeUndefined();
});

describe('statusErrorFrom', () => {
  test('a failure round-trips', () => {
    const { status } = errors.notFound(pods, 'a');
    const error = statusErrorFrom(JSON.parse(JSON.stringify(status)));
    expect(errors.isNotFound(error)).toBe(true);
    expect(error.status).toEqual(status);
  });

  test.each([[null], ['text'], [{ kind: 'Pod', apiVersion: 'v1' }]])('wraps what is no Status: %j', (json) => {
    expect(statusErrorFrom(json).reason).toBe('InternalError');
    expect(isStatus(json)).toBe(false);
  });

  test('isStatus', () => expect(isStatus({ kind: 'Status', apiVersion: 'v1' })).toBe(true));
});
