import { describe, expect, test } from 'vitest';
import { genericServerResponse } from './server-response.ts';

const pods = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };
const deployments = { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true };

describe('genericServerResponse', () => {
  test.each([
    {
      code: 404,
      verb: 'GET',
      reason: 'NotFound',
      message: 'the server could not find the requested resource (get pods web)',
    },
    { code: 409, verb: 'POST', reason: 'AlreadyExists', message: 'the server reported a conflict (post pods web)' },
    { code: 409, verb: 'PUT', reason: 'Conflict', message: 'the server reported a conflict (put pods web)' },
    { code: 403, verb: 'GET', reason: 'Forbidden', message: 'words (get pods web)' },
    { code: 406, verb: 'GET', reason: 'NotAcceptable', message: 'words (get pods web)' },
    {
      code: 500,
      verb: 'GET',
      reason: 'InternalError',
      message: 'an error on the server ("words") has prevented the request from succeeding (get pods web)',
    },
    {
      code: 418,
      verb: 'GET',
      reason: '',
      message: 'the server responded with the status code 418 but did not return more information (get pods web)',
    },
  ])('$code $verb', ({ code, verb, reason, message }) => {
    const error = genericServerResponse({ code, verb, resource: pods, name: 'web', serverMessage: 'words' });
    expect([error.code, error.reason, error.message]).toEqual([code, reason, message]);
    expect(error.status.details?.causes).toEqual([{ reason: 'UnexpectedServerResponse', message: 'words' }]);
  });

  test('without resource or words', () => {
    const error = genericServerResponse({ code: 406, verb: 'GET', retryAfterSeconds: 2 });
    expect(error.message).toBe('the server was unable to respond with a content type that the client supports');
    expect(error.status.details?.retryAfterSeconds).toBe(2);
  });

  test('names the group', () => {
    const error = genericServerResponse({ code: 503, verb: 'LIST', resource: deployments });
    expect(error.message).toBe('the server is currently unable to handle the request (list deployments.apps)');
    expect(error.status.details?.group).toBe('apps');
  });
});
