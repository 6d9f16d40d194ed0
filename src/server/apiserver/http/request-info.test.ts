import { expect, test } from 'vitest';
import { parseRequestInfo } from './request-info.ts';

test.each([
  { method: 'GET', url: '/version', verb: 'get', resource: undefined },
  { method: 'GET', url: '/apis/apps/v1', verb: 'get', resource: undefined },
  { method: 'GET', url: '/api/v1', verb: 'get', resource: undefined },
  { method: 'GET', url: '/api/v1/pods', verb: 'list', resource: { resource: 'pods', group: '', version: 'v1' } },
  { method: 'GET', url: '/api/v1/pods?watch=true', verb: 'watch', resource: { resource: 'pods' } },
  { method: 'GET', url: '/api/v1/pods?watch=0', verb: 'list', resource: { resource: 'pods' } },
  {
    method: 'GET',
    url: '/api/v1/watch/namespaces/a/pods',
    verb: 'watch',
    resource: { resource: 'pods', namespace: 'a' },
  },
  { method: 'GET', url: '/api/v1/watch/pods', verb: 'watch', resource: { resource: 'pods' } },
  {
    method: 'GET',
    url: '/api/v1/namespaces/a/pods/p?watch=1',
    verb: 'watch',
    resource: { resource: 'pods', namespace: 'a', name: 'p' },
  },
  {
    method: 'GET',
    url: '/api/v1/namespaces/a',
    verb: 'get',
    resource: { resource: 'namespaces', namespace: 'a', name: 'a' },
  },
  {
    method: 'PUT',
    url: '/api/v1/namespaces/a/finalize',
    verb: 'update',
    resource: { resource: 'namespaces', name: 'a', subresource: 'finalize' },
  },
  {
    method: 'PATCH',
    url: '/apis/apps/v1/namespaces/a/deployments/d/scale',
    verb: 'patch',
    resource: { group: 'apps', resource: 'deployments', namespace: 'a', name: 'd', subresource: 'scale' },
  },
  { method: 'DELETE', url: '/api/v1/namespaces/a/pods', verb: 'deletecollection', resource: { resource: 'pods' } },
  { method: 'DELETE', url: '/api/v1/namespaces/a/pods/p', verb: 'delete', resource: { name: 'p' } },
  {
    method: 'POST',
    url: '/api/v1/namespaces/a/pods/p/exec?command=x',
    verb: 'create',
    resource: { subresource: 'exec' },
  },
  {
    method: 'GET',
    url: '/api/v1/namespaces/a/services/http:web:80/proxy/x%2Fy//z/',
    verb: 'get',
    resource: { name: 'http:web:80', subresource: 'proxy', tail: '/x%2Fy//z/' },
  },
  { method: 'GET', url: '/api/v1/nodes/n/proxy', verb: 'get', resource: { name: 'n', subresource: 'proxy', tail: '' } },
  {
    method: 'GET',
    url: '/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dp',
    verb: 'list',
    resource: { name: 'p' },
  },
  {
    method: 'GET',
    url: '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
    verb: 'get',
    resource: { name: 'system:node', namespace: undefined },
  },
])('$method $url', ({ method, url, verb, resource }) => {
  const info = parseRequestInfo(method, url);
  expect(info.verb).toBe(verb);
  if (resource === undefined) expect(info.resource).toBeUndefined();
  else expect(info.resource).toMatchObject(resource);
});

test('a broken escape is a bad request', () => {
  expect(() => parseRequestInfo('GET', '/api/v1/pods/%zz')).toThrow('invalid URL escape in "%zz"');
});
