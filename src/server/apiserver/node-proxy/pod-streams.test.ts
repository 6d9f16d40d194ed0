import { expect, test } from 'vitest';
import type { Pod } from '#api/core/v1.ts';
import { logRequest, streamRequest } from './pod-streams.ts';

const pod = (containers: string[], rest: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'n' },
  spec: { nodeName: 'node', containers: containers.map((name) => ({ name })), ...rest },
});

test.each([
  { query: '', path: '/containerLogs/n/p/c' },
  { query: 'container=c&follow=true&x=y&sinceTime=a%3Ab', path: '/containerLogs/n/p/c?follow=true&sinceTime=a%3Ab' },
])('log $query', ({ query, path }) => {
  expect(logRequest(pod(['c']), new URLSearchParams(query))).toEqual({ nodeName: 'node', path });
});

test.each([
  {
    subresource: 'exec',
    query: 'command=ls&command=-l%20x&stdin=true&stdout=true&stderr=false&tty=1',
    path: '/exec/n/p/c?input=1&output=1&tty=1&command=ls&command=-l+x',
  },
  { subresource: 'attach', query: 'stdout=true', path: '/attach/n/p/c?output=1' },
  { subresource: 'portforward', query: 'ports=80&ports=81', path: '/portForward/n/p?port=80&port=81' },
])('$subresource', ({ subresource, query, path }) => {
  expect(streamRequest(pod(['c']), subresource, new URLSearchParams(query))).toEqual({ nodeName: 'node', path });
});

test.each([
  {
    of: pod(['a', 'b'], { initContainers: [{ name: 'i' }] }),
    message: 'a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]',
  },
  {
    of: pod(['a', 'b'], { ephemeralContainers: [{ name: 'e' }] }),
    message:
      'a container name must be specified for pod p, choose one of: [a b] or one of the ephemeral containers: [e]',
  },
])('$message', ({ of, message }) => {
  expect(() => logRequest(of, new URLSearchParams())).toThrow(message);
});

test('every kind of container has logs', () => {
  const all = pod(['a'], { initContainers: [{ name: 'i' }], ephemeralContainers: [{ name: 'e' }] });
  for (const name of ['a', 'i', 'e']) {
    expect(logRequest(all, new URLSearchParams({ container: name }))?.path).toBe(`/containerLogs/n/p/${name}`);
  }
  expect(() => logRequest(all, new URLSearchParams({ container: 'x' }))).toThrow('container x is not valid for pod p');
});

test('a pod without a node', () => {
  const unscheduled = pod(['a'], { nodeName: undefined });
  expect(logRequest(unscheduled, new URLSearchParams())).toBeUndefined();
  expect(() => streamRequest(unscheduled, 'exec', new URLSearchParams())).toThrow(
    'pod p does not have a host assigned',
  );
});
