import { expect, test } from 'vitest';
import { toRuntimeEvent } from './event-stream.ts';

const event = (Action: string, Attributes: Record<string, string> = {}) => ({
  Type: 'container',
  Action,
  Actor: { ID: 'ID', Attributes },
});

test.each([
  {
    name: 'an end has an exit code, and labels without what Docker adds',
    message: event('die', { image: 'x', name: 'y', exitCode: '3', execDuration: '1', 'app.kubernetes.io/name': 'z' }),
    expected: { type: 'die', id: 'ID', labels: { 'app.kubernetes.io/name': 'z' }, exitCode: 3 },
  },
  {
    name: 'a start has none',
    message: event('start', { exitCode: '0' }),
    expected: { type: 'start', id: 'ID', labels: {} },
  },
  { name: 'other actions are left out', message: event('exec_start: sh'), expected: undefined },
  { name: 'other things are left out', message: { ...event('create'), Type: 'volume' }, expected: undefined },
  { name: 'nonsense is left out', message: {}, expected: undefined },
])('$name', ({ message, expected }) => {
  expect(toRuntimeEvent(message)).toEqual(expected);
});
