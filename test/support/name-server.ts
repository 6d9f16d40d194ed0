import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

// Run as a program: `node name-server.ts NAME PORT...`. Answers everybody on these TCP and UDP ports with its name and the
// address it sees the caller at; prints a line once it listens.
const [name = '', ...ports] = process.argv.slice(2);
const plain = (address: string | undefined) => (address ?? '').replace('::ffff:', '');

await Promise.all(
  ports.map(Number).flatMap((port) => [
    new Promise<void>((resolve) => {
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.end(`${name} ${plain(socket.remoteAddress)}\n`);
      });
      server.listen(port, '0.0.0.0', resolve);
    }),
    new Promise<void>((resolve) => {
      const socket = createSocket('udp4');
      socket.on('message', (_, caller) => socket.send(`${name} ${caller.address}\n`, caller.port, caller.address));
      socket.bind(port, resolve);
    }),
  ]),
);
process.stdout.write('ready\n');
