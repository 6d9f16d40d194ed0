import { expect, test } from 'vitest';
import { createLogger } from '#base/logger.ts';
import { logOutput } from './log-output.ts';

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

test.each(['ENOSPC', 'EPIPE', 'EIO'])('%s loses a line and nothing more', (code) => {
  const written: string[] = [];
  let isBroken = true;
  const log = createLogger({
    destination: logOutput((text) => {
      if (isBroken) throw failure(code);
      written.push(text.toString());
      return text.length;
    }),
  });
  log.info('lost');
  isBroken = false;
  log.info('kept');
  expect(written.map((line) => JSON.parse(line).msg)).toEqual(['kept']);
});

test('a slow reader gets the whole line, piece by piece', () => {
  let turn = 0;
  let text = '';
  const output = logOutput((rest) => {
    if (turn++ % 2 === 0) throw failure('EAGAIN');
    text += rest.subarray(0, 4).toString();
    return Math.min(4, rest.length);
  });
  output.write('0123456789\n');
  expect(text).toBe('0123456789\n');
});

test('a reader that takes nothing is given up', () => {
  const output = logOutput(() => {
    throw failure('EAGAIN');
  });
  expect(output.write('x')).toBeUndefined();
});
