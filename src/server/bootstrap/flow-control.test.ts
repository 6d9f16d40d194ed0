import { expect, test } from 'vitest';
import { flowSchemaObjects, priorityLevels } from './flow-control.ts';

test('every schema leads to a level that is there', () => {
  const levels = new Set(priorityLevels().map(({ metadata }) => metadata.name));
  const targets = flowSchemaObjects().map(({ spec }) => spec.priorityLevelConfiguration.name);
  expect(targets.filter((name) => !levels.has(name))).toEqual([]);
  expect([...levels].filter((name) => !targets.includes(name))).toEqual([]);
});
