import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { demultiplex, payloads } from './frames.ts';

function frame(stream: number, payload: string): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(payload), 4);
  return Buffer.concat([header, Buffer.from(payload)]);
}

const bytes = Buffer.concat([
  frame(1, 'out 1;'),
  frame(2, 'err 1;'),
  frame(1, ''),
  frame(1, 'out 2;'),
  frame(0, 'tty'),
]);
const cut = (size: number) => {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
};

describe.each([1, 5, 8, 9, 1000])('in pieces of %i bytes', (size) => {
  test('the streams come apart', async () => {
    const { stdout, stderr } = demultiplex(Readable.from(cut(size)));
    expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['out 1;out 2;tty', 'err 1;']);
  });

  test('the payloads keep their order', async () => {
    expect(await text(Readable.from(cut(size)).pipe(payloads()))).toBe('out 1;err 1;out 2;tty');
  });
});

test('reads no faster than it is read', async () => {
  let produced = 0;
  const source = new Readable({
    read() {
      produced++;
      this.push(produced > 200 ? null : frame(1, 'x'.repeat(10_000)));
    },
  });
  const { stdout, stderr } = demultiplex(source);
  stderr.resume();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(produced).toBeLessThan(50);
  expect((await buffer(stdout)).length).toBe(2_000_000);
});

test('an error of the source reaches both streams', async () => {
  const source = new Readable({ read() {} });
  const { stdout, stderr } = demultiplex(source);
  const outcomes = Promise.allSettled([text(stdout), text(stderr)]);
  source.destroy(new Error('connection lost'));
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { message: 'connection lost' } });
  expect(stdout.destroyed && stderr.destroyed).toBe(true);
});

test('without a reader an error of the source harms nobody', async () => {
  const source = new Readable({ read() {} });
  const { stdout } = demultiplex(source);
  source.destroy(new Error('connection lost'));
  await new Promise(setImmediate);
  expect(stdout.destroyed).toBe(true);
});

test('a source that is closed ends both streams', async () => {
  const source = new Readable({ read() {} });
  const { stdout, stderr } = demultiplex(source);
  source.push(frame(1, 'last'));
  await new Promise(setImmediate);
  source.destroy();
  expect(await Promise.all([text(stdout), text(stderr)])).toEqual(['last', '']);
});
