import { option } from '#base/options.ts';
import { Client } from '#client/client.ts';
import { HttpsTransport } from '#client/https-transport.ts';
import { readKubeconfig } from '#client/kubeconfig.ts';
import { VERSION } from './product-version.ts';

/** Where commands for the administrator find the cluster. */
export const kubeconfigOption = option.string({
  help: "the administrator's kubeconfig",
  value: 'FILE',
  default: '/etc/skiff/kubeconfig.yaml',
});

/** Runs `use` with a client that speaks as a kubeconfig's user. */
export async function withAdmin<T>(kubeconfig: string, use: (client: Client) => Promise<T>): Promise<T> {
  const { server, credentials } = await readKubeconfig(kubeconfig);
  const transport = new HttpsTransport({ server, credentials: () => credentials, userAgent: `skiff/${VERSION.skiff}` });
  try {
    return await use(new Client(transport));
  } finally {
    transport.close();
  }
}
