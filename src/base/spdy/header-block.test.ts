import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { spdyDictionary } from './dictionary.ts';
import { formatHeaders, HeaderReader, HeaderWriter, parseHeaders } from './header-block.ts';

test('the dictionary is the one of SPDY/3: its checksum stands in what is compressed with it', () => {
  const dictionary = spdyDictionary();
  expect(dictionary).toHaveLength(1423);
  expect(deflateSync('x', { dictionary }).toString('hex', 2, 6)).toBe('e3c6a7c2');
});

test('what is formatted can be parsed, names in lower case', () => {
  const headers = { streamType: 'data', port: '8080', empty: '', umlaut: 'ä' };
  expect({ ...parseHeaders(formatHeaders(headers)) }).toEqual({
    streamtype: 'data',
    port: '8080',
    empty: '',
    umlaut: 'ä',
  });
});

test.each([
  { name: 'nothing', block: Buffer.alloc(0) },
  { name: 'fewer pairs than announced', block: Buffer.from([0, 0, 0, 1]) },
  { name: 'a text longer than the block', block: Buffer.from([0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 65]) },
])('$name is no header block', ({ block }) => {
  expect(() => parseHeaders(block)).toThrow(RangeError);
});

test('a reader understands a writer, block after block', async () => {
  const [writer, reader] = [new HeaderWriter(), new HeaderReader()];
  for (const headers of [{ a: '1' }, {}, { b: 'x'.repeat(10_000) }]) {
    expect({ ...(await reader.read(writer.write(headers))) }).toEqual(headers);
  }
  reader.close();
});

test('a block that grows beyond reason is refused', async () => {
  const reader = new HeaderReader();
  const bomb = deflateSync(Buffer.alloc(10_000_000), { dictionary: spdyDictionary() });
  await expect(reader.read(bomb)).rejects.toThrow('Header block is too large');
  await expect(reader.read(bomb)).rejects.toThrow('Header block is too large');
});
