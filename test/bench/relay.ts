import { connect, createServer, type Socket } from 'node:net';

// Runs inside a lab node's network: hands every connection to a Unix socket on to an address there, since a file can be
// reached from outside of the network namespace. Arguments: path of the socket, host, port.

const [path = '', host = '', port = ''] = process.argv.slice(2);

createServer({ noDelay: true }, (outside) => {
  const inside = connect({ host, port: Number(port), noDelay: true });
  join(outside, inside);
  join(inside, outside);
}).listen(path);

function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
}
