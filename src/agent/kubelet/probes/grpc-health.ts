import { connect } from 'node:http2';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus` by number. */
const STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** Asks a server for its health by the standard gRPC protocol; the name of the status. Rejects where it does not answer that. */
export function grpcHealth(
  { host, port, service }: { host: string; port: number; service: string },
  signal: AbortSignal,
): Promise<string> {
  const address = host.includes(':') ? `[${host}]` : host;
  const session = connect(`http://${address}:${port}`);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  session.on('error', reject);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'kube-probe/1.36',
  });
  stream.on('error', reject);
  const chunks: Buffer[] = [];
  let grpcStatus: string | undefined;
  const note = (headers: Record<string, unknown>) => {
    const status = headers['grpc-status'];
    if (status !== undefined) grpcStatus = String(status);
  };
  // A failure may come in the headers of an answer without a body.
  stream.on('response', note);
  stream.on('trailers', note);
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    if (grpcStatus !== '0') reject(new Error(`health rpc failed with code ${grpcStatus ?? 'none'}`));
    else resolve(statusOf(Buffer.concat(chunks)));
  });
  stream.end(request(service));
  return promise.finally(() => {
    signal.removeEventListener('abort', onAbort);
    session.destroy();
  });
}

/** One uncompressed message: field 1 is the service's name. */
function request(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a]), varint(name.length), name]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** Field 1 of the answer, a small number; absent means zero. */
function statusOf(body: Buffer): string {
  const message = body.subarray(5);
  const number = message[0] === 0x08 ? (message[1] ?? 0) : 0;
  return STATUS[number] ?? String(number);
}
