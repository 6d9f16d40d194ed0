import { expect, test } from 'vitest';
import { controlFrame, dataHeader, FLAG_FIN, FRAME, FrameReader, numbers } from './frame.ts';

const bytes = Buffer.concat([
  controlFrame(FRAME.ping, numbers(1)),
  dataHeader(3, 5, FLAG_FIN),
  Buffer.from('hello'),
  controlFrame(FRAME.goAway, numbers(3, 0)),
]);

test.each([1, 3, 7, 8, 100])('frames come whole, however the bytes are cut (%i at a time)', (size) => {
  const reader = new FrameReader();
  const frames = [];
  for (let offset = 0; offset < bytes.length; offset += size)
    frames.push(...reader.read(bytes.subarray(offset, offset + size)));
  expect(frames).toEqual([
    { kind: 'control', type: FRAME.ping, flags: 0, payload: numbers(1) },
    { kind: 'data', streamId: 3, flags: FLAG_FIN, payload: Buffer.from('hello') },
    { kind: 'control', type: FRAME.goAway, flags: 0, payload: numbers(3, 0) },
  ]);
});
