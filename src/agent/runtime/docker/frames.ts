import { Readable, Transform } from 'node:stream';

const HEADER_BYTES = 8;
const STDERR = 2;

/**
 * Takes apart Docker's multiplexed output: frames of one byte for the stream, three zeros, the length in four bytes, payload.
 * Returns a function to feed; payloads are passed on as they come, so a frame may arrive in several pieces.
 */
function frameParser(onPayload: (stream: 'stdout' | 'stderr', payload: Buffer) => void): (chunk: Buffer) => void {
  const header = Buffer.alloc(HEADER_BYTES);
  let headerLength = 0;
  let missing = 0;
  return (chunk) => {
    let offset = 0;
    while (offset < chunk.length) {
      if (missing === 0) {
        const copied = chunk.copy(header, headerLength, offset, offset + HEADER_BYTES - headerLength);
        headerLength += copied;
        offset += copied;
        if (headerLength < HEADER_BYTES) return;
        headerLength = 0;
        missing = header.readUInt32BE(4);
        continue;
      }
      const payload = chunk.subarray(offset, offset + missing);
      offset += payload.length;
      missing -= payload.length;
      onPayload(header[0] === STDERR ? 'stderr' : 'stdout', payload);
    }
  };
}

/** Splits multiplexed output into its two streams. Reads no faster than they are read. */
export function demultiplex(source: Readable): { stdout: Readable; stderr: Readable } {
  const read = () => {
    source.resume();
  };
  const outputs = { stdout: new Readable({ read }), stderr: new Readable({ read }) };
  const parse = frameParser((stream, payload) => {
    if (!outputs[stream].push(payload)) source.pause();
  });
  // A lost connection must not end this process because one of them is not read.
  for (const output of Object.values(outputs)) output.on('error', () => {});
  const finish = (error?: Error) => {
    for (const output of Object.values(outputs)) {
      if (error === undefined) output.push(null);
      else output.destroy(error);
    }
  };
  source.on('data', parse);
  source.once('end', () => finish());
  source.once('error', finish);
  // A source that is destroyed without an error ends its outputs, too.
  source.once('close', () => finish());
  return outputs;
}

/** Leaves only the payloads of multiplexed output, both streams in the order they came. */
export function payloads(): Transform {
  const transform = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      parse(chunk);
      callback();
    },
  });
  const parse = frameParser((_stream, payload) => transform.push(payload));
  return transform;
}
