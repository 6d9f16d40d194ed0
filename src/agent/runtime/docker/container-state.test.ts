import { expect, test } from 'vitest';
import { type InspectedContainer, toState, toSummary } from './container-state.ts';

const NEVER = '0001-01-01T00:00:00Z';

function inspected(state: Partial<InspectedContainer['State']>): InspectedContainer {
  const idle = {
    Status: 'created',
    Running: false,
    OOMKilled: false,
    Pid: 0,
    ExitCode: 0,
    Error: '',
    StartedAt: NEVER,
    FinishedAt: NEVER,
  };
  return {
    Id: 'ID',
    Name: '/name',
    Created: '2026-01-01T00:00:00Z',
    Image: 'sha256:1',
    LogPath: '/log',
    Config: { Image: 'nginx', Labels: null },
    State: { ...idle, ...state },
  };
}

test.each([
  { name: 'created', state: {}, expected: { status: 'created' } },
  {
    name: 'running',
    state: { Status: 'running', Pid: 5, StartedAt: '2026-01-02T00:00:00Z' },
    expected: { status: 'running', pid: 5, startedAt: '2026-01-02T00:00:00Z' },
  },
  { name: 'paused is running', state: { Status: 'paused', Pid: 5 }, expected: { status: 'running' } },
  {
    name: 'ended',
    state: { Status: 'exited', ExitCode: 3, FinishedAt: '2026-01-03T00:00:00Z' },
    expected: { status: 'exited', exitCode: 3, finishedAt: '2026-01-03T00:00:00Z' },
  },
  {
    name: 'being removed has ended',
    state: { Status: 'removing', ExitCode: 137 },
    expected: { status: 'exited', exitCode: 137 },
  },
  {
    name: 'killed for its memory',
    state: { Status: 'exited', OOMKilled: true, ExitCode: 137 },
    expected: { oomKilled: true },
  },
  {
    name: 'could not be started',
    state: { ExitCode: 127, Error: 'not found' },
    expected: { status: 'exited', exitCode: 127, error: 'not found', finishedAt: '2026-01-01T00:00:00Z' },
  },
])('$name', ({ state, expected }) => {
  const result = toState(inspected(state), undefined);
  expect(result).toMatchObject({
    id: 'ID',
    name: 'name',
    labels: {},
    image: 'nginx',
    imageId: 'sha256:1',
    logPath: '/log',
    ...expected,
  });
  if (!('exitCode' in expected) && expected.status !== undefined) expect(result).not.toHaveProperty('exitCode');
});

test('a row of the list', () => {
  const row = { Id: 'ID', Names: ['/name'], Labels: { a: 'b' }, State: 'exited' };
  expect(toSummary(row)).toEqual({ id: 'ID', name: 'name', labels: { a: 'b' }, status: 'exited' });
});
