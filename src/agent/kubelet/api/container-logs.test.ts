import { describe, expect, test } from 'vitest';
import type { ContainerStatus } from '#api/core/v1.ts';
import { loggedContainer, parseLogQuery } from './container-logs.ts';

const NOW = 1_000_000;
const parse = (query: string) => parseLogQuery(new URLSearchParams(query), NOW);

describe('parseLogQuery', () => {
  test.each([
    ['', {}],
    ['follow=true&timestamps=1', { follow: true, timestamps: true }],
    ['tailLines=0', { tail: 0 }],
    ['sinceSeconds=10', { since: '990' }],
    ['sinceTime=2026-01-01T00:00:00Z', { since: '2026-01-01T00:00:00Z' }],
    ['stream=Stderr', { stream: 'stderr' }],
    ['stream=All', {}],
  ])('%s', (query, options) => {
    expect(parse(query)).toEqual({ options, previous: false, limitBytes: undefined });
  });

  test('previous and limitBytes', () => {
    expect(parse('previous=true&limitBytes=5')).toEqual({ options: {}, previous: true, limitBytes: 5 });
  });

  test.each([
    'tailLines=-1',
    'tailLines=x',
    'limitBytes=0',
    'sinceSeconds=0',
    'sinceTime=now',
    'stream=x',
    'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
  ])('refuses %s', (query) => {
    expect(() => parse(query)).toThrow(expect.objectContaining({ status: 422 }));
  });
});

describe('loggedContainer', () => {
  const report = (more: Partial<ContainerStatus>): ContainerStatus => ({
    name: 'app',
    ready: false,
    restartCount: 0,
    image: '',
    imageID: '',
    ...more,
  });
  const ended = (id: string) => ({ terminated: { exitCode: 1, containerID: `docker://${id}` } });
  const find = (status: ContainerStatus, previous = false) =>
    loggedContainer({ containerStatuses: [status] }, { pod: 'web', container: 'app', previous });

  test.each([
    {
      name: 'the running one',
      given: report({ containerID: 'docker://now', state: { running: {} }, lastState: ended('old') }),
      expected: 'now',
    },
    { name: 'the ended one', given: report({ state: ended('now') }), expected: 'now' },
    {
      name: 'the last one while it waits',
      given: report({ state: { waiting: {} }, lastState: ended('old') }),
      expected: 'old',
    },
  ])('is $name', ({ given, expected }) => {
    expect(find(given)).toBe(expected);
  });

  test('is the one before, where that is asked for', () => {
    expect(find(report({ containerID: 'docker://now', state: { running: {} }, lastState: ended('old') }), true)).toBe(
      'old',
    );
  });

  test.each([
    {
      given: report({ state: { running: {} } }),
      previous: true,
      message: 'previous terminated container "app" in pod "web" not found',
    },
    {
      given: report({ state: { waiting: { reason: 'ContainerCreating' } } }),
      message: 'container "app" in pod "web" is waiting to start: ContainerCreating',
    },
    {
      given: report({ state: { waiting: { reason: 'ErrImagePull' } } }),
      message: `container "app" in pod "web" is waiting to start: image can't be pulled`,
    },
    {
      given: report({ state: { waiting: { reason: 'ImagePullBackOff' } } }),
      message: 'container "app" in pod "web" is waiting to start: trying and failing to pull image',
    },
    { given: report({ state: {} }), message: 'container "app" in pod "web" is waiting to start - no logs yet' },
    { given: report({ name: 'other' }), message: 'container "app" in pod "web" is not available' },
  ])('$message', ({ given, previous = false, message }) => {
    expect(() => find(given, previous)).toThrow(expect.objectContaining({ status: 400, message }));
  });
});
