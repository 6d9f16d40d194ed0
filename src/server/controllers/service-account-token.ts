import { secrets, serviceAccounts } from '#api/core/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';

const TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';

/** Fills Secrets of type service-account-token, and removes them with their ServiceAccount. */
export function serviceAccountTokenController({ client, cache, cluster }: ControllerDeps): Controller {
  return {
    name: 'tokens-controller',
    primary: secrets,
    watches: [
      watches(serviceAccounts, ({ metadata }) =>
        cache
          .list(secrets, { namespace: metadata.namespace })
          .filter(
            ({ type, metadata: { annotations } }) => type === TYPE && annotations?.[ACCOUNT_NAME] === metadata.name,
          )
          .map((secret) => secret.metadata),
      ),
    ],
    async reconcile(key, { signal }) {
      const secret = cache.get(secrets, key);
      if (secret?.type !== TYPE || secret.metadata.deletionTimestamp !== undefined) return;
      const name = secret.metadata.annotations?.[ACCOUNT_NAME] ?? '';
      const account = cache.get(serviceAccounts, { namespace: key.namespace, name });
      const uid = secret.metadata.annotations?.[ACCOUNT_UID];
      if (account === undefined || (uid !== undefined && uid !== account.metadata.uid)) {
        await client
          .delete(secrets, key, { preconditions: { uid: secret.metadata.uid ?? '' }, signal })
          .catch((error: unknown) => {
            if (!isNotFound(error)) throw error;
          });
        return;
      }
      const ca = Buffer.from(cluster.caCertificate).toString('base64');
      const { token, namespace, 'ca.crt': oldCa } = secret.data ?? {};
      if (token !== undefined && namespace !== undefined && oldCa === ca && uid !== undefined) return;
      const fresh = token ?? Buffer.from(await cluster.issueSecretToken(account, key.name)).toString('base64');
      const data = { 'ca.crt': ca, namespace: Buffer.from(key.namespace ?? '').toString('base64'), token: fresh };
      const annotations = { [ACCOUNT_UID]: account.metadata.uid };
      const { resourceVersion } = secret.metadata;
      await client.patch(secrets, key, { metadata: { resourceVersion, annotations }, data }, { type: 'merge', signal });
    },
  };
}
