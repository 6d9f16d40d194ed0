import { expect, test } from 'vitest';
import { nodeVersionProblem } from './node-version.ts';

test.each([
  { version: '22.18.0', problem: 'Node 22.18.0 is too old, 24 or newer is needed: start it with build/node' },
  { version: '9.0.0', problem: 'Node 9.0.0 is too old' },
  { version: '24.0.0', problem: undefined },
  { version: '100.1.0', problem: undefined },
])('$version', ({ version, problem }) => {
  const found = nodeVersionProblem(version);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(problem);
});
