import { expect, test } from 'vitest';
import type { Component } from '#base/component.ts';
import { createLogger } from '#base/logger.ts';
import { eventually } from '#test/support/eventually.ts';
import { patientStart } from './patient-start.ts';

const log = createLogger({ level: 'silent' });

/** Serves from the given try on; tells what happened to it. */
function engine(servesAtTry: number) {
  const told: string[] = [];
  let tries = 0;
  const component: Component = {
    name: 'engine',
    async start() {
      tries++;
      told.push(`start ${tries}`);
      if (tries < servesAtTry) throw new Error('not there');
    },
    async stop() {
      told.push('stop');
    },
  };
  const patient = patientStart(component, { log, onLate: () => told.push('late'), retryMs: 1 });
  return { told, patient };
}

const signal = new AbortController().signal;

test('what starts at once is left alone', async () => {
  const { told, patient } = engine(1);
  await patient.start(signal);
  await patient.stop();
  expect(told).toEqual(['start 1', 'stop']);
});

test('what cannot start is tried again until it serves, and then told', async () => {
  const { told, patient } = engine(4);
  await patient.start(signal);
  expect(told).toEqual(['start 1']);
  await eventually(() => expect(told).toContain('late'), { everyMs: 1 });
  await patient.stop();
  expect(told).toEqual(['start 1', 'start 2', 'start 3', 'start 4', 'late', 'stop']);
});

test('a stop ends the trying', async () => {
  const { told, patient } = engine(Number.POSITIVE_INFINITY);
  await patient.start(signal);
  await patient.stop();
  const before = told.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(told).toHaveLength(before);
  expect(told.at(-1)).toBe('stop');
});

test('a cancelled start is no reason for patience', async () => {
  const { told, patient } = engine(2);
  await expect(patient.start(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  await patient.stop();
  expect(told).toEqual(['start 1', 'stop']);
});
