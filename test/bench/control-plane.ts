import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { serviceAccounts } from '#api/core/v1.ts';
import { Client } from '#client/client.ts';
import { type Credentials, HttpsTransport } from '#client/https-transport.ts';
import { readKubeconfig } from '#client/kubeconfig.ts';
import { createAuthority, issueKeyCertificate } from '#server/pki/certificate.ts';
import { eventually } from '#test/support/eventually.ts';
import type { BenchContext } from './benchmark.ts';
import { freePort, startChild } from './children.ts';
import { buildExecutable } from './executable.ts';

/** A server without a node, on the loopback address. */
export interface ControlPlane {
  readonly url: string;
  readonly credentials: Credentials;
  readonly client: Client;
}

/** Starts the executable with an empty data folder; ready for pods to be created when this resolves. */
export async function startControlPlane(ctx: BenchContext): Promise<ControlPlane> {
  const executable = await buildExecutable(ctx);
  const port = await freePort();
  const dataDir = join(ctx.folder, 'data');
  const kubeconfig = join(dataDir, 'kubeconfig.yaml');
  const child = startChild(ctx, executable, [
    ...['server', '--disable-agent', '--data-dir', dataDir, '--write-kubeconfig', kubeconfig, '--log-level', 'warn'],
    ...['--bind-address', '127.0.0.1', '--https-listen-port', String(port)],
  ]);
  await eventually(() => {
    child.requireRunning();
    if (!existsSync(kubeconfig)) throw new Error('skiff does not start');
  });
  const { server: url, credentials } = await readKubeconfig(kubeconfig);
  const transport = new HttpsTransport({ server: url, credentials: () => credentials, userAgent: 'skiff-bench' });
  ctx.onEnd(() => transport.close());
  const client = new Client(transport);
  await eventually(() => client.get(serviceAccounts, { namespace: 'default', name: 'default' }));
  return { url, credentials, client };
}

export interface BareServer {
  readonly url: string;
  readonly credentials: Credentials;
  stop(): Promise<void>;
}

/** The least server there can be, which answers everything with these bytes: what the others are measured against. */
export async function startBareServer(ctx: BenchContext, answer: Buffer): Promise<BareServer> {
  const authority = await createAuthority('bench-ca', { lifetimeMs: DAY_MS });
  const certificate = await issueKeyCertificate(authority, {
    subject: { commonName: 'bare-server', organizations: [] },
    usages: ['digital signature', 'server auth'],
    names: { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] },
    lifetimeMs: DAY_MS,
  });
  const folder = await mkdtemp(join(ctx.folder, 'bare-'));
  const files = { key: certificate.key, cert: certificate.cert, answer };
  const paths = Object.keys(files).map((name) => join(folder, name));
  await Promise.all(Object.entries(files).map(([name, content]) => writeFile(join(folder, name), content)));
  const child = startChild(ctx, process.execPath, [join(import.meta.dirname, 'bare-server.ts'), ...paths]);
  const port = await eventually(() => {
    child.requireRunning();
    const [line = '', rest] = child.output().split('\n');
    if (rest === undefined) throw new Error('The bare server does not start');
    return Number(line);
  });
  return { url: `https://127.0.0.1:${port}`, credentials: { ca: authority.cert }, stop: child.stop };
}

const DAY_MS = 24 * 3600 * 1000;
