import { readFileSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';

// The least that a server of this kind can do, to measure others against: over TLS and HTTP/2 it answers a GET with the
// file's bytes; it reads a body and answers with the same; `/watch` is a stream that stays open, and each POST to `/emit`
// writes the file's bytes to all of those. Arguments: path of the key, of the certificate, of the file. Prints its port.

const [keyPath = '', certPath = '', answerPath = ''] = process.argv.slice(2);
const answer = readFileSync(answerPath);
const watchers = new Set<ServerHttp2Stream>();

const server = createSecureServer({ key: readFileSync(keyPath), cert: readFileSync(certPath) });
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  const head = { ':status': 200, 'content-type': 'application/json' };
  if (headers[':path'] === '/watch') {
    stream.respond(head);
    watchers.add(stream);
    stream.on('close', () => watchers.delete(stream));
    return;
  }
  stream.resume();
  stream.on('end', () => {
    if (headers[':path'] === '/emit') for (const watcher of watchers) watcher.write(answer);
    stream.respond({ ...head, 'content-length': answer.length });
    stream.end(answer);
  });
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
