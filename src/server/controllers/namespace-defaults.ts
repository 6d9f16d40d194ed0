import { configMaps, namespaces, serviceAccounts } from '#api/core/v1.ts';
import { isAlreadyExists } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';

const ROOT_CA = 'kube-root-ca.crt';

/** Gives every namespace its ServiceAccount `default`. */
export function serviceAccountController({ client, cache }: ControllerDeps): Controller {
  return {
    name: 'service-account-controller',
    primary: namespaces,
    watches: [
      watches(serviceAccounts, ({ metadata }) =>
        metadata.name === 'default' ? [{ name: metadata.namespace ?? '' }] : [],
      ),
    ],
    async reconcile({ name }, { signal }) {
      if (!isLive(cache.get(namespaces, { name }))) return;
      if (cache.get(serviceAccounts, { namespace: name, name: 'default' }) !== undefined) return;
      const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } };
      await client.create(serviceAccounts, account, { signal }).catch(ignoreExisting);
    },
  };
}

/** Publishes the cluster's certificate authority in every namespace. */
export function rootCaController({ client, cache, cluster }: ControllerDeps): Controller {
  const data = { 'ca.crt': cluster.caCertificate };
  const annotations = {
    'kubernetes.io/description':
      'The certificate authority that signs the API server: trust it to reach kubernetes.default.svc',
  };
  return {
    name: 'root-ca-cert-publisher',
    primary: namespaces,
    watches: [
      watches(configMaps, ({ metadata }) => (metadata.name === ROOT_CA ? [{ name: metadata.namespace ?? '' }] : [])),
    ],
    async reconcile({ name }, { signal }) {
      if (!isLive(cache.get(namespaces, { name }))) return;
      const present = cache.get(configMaps, { namespace: name, name: ROOT_CA });
      if (present?.data?.['ca.crt'] === cluster.caCertificate && Object.keys(present.data).length === 1) return;
      const wanted = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { ...present?.metadata, name: ROOT_CA, namespace: name, annotations },
        data,
      };
      if (present === undefined) await client.create(configMaps, wanted, { signal }).catch(ignoreExisting);
      else await client.update(configMaps, wanted, { signal });
    },
  };
}

function isLive(namespace: { metadata: { deletionTimestamp?: string | undefined } } | undefined): boolean {
  return namespace !== undefined && namespace.metadata.deletionTimestamp === undefined;
}

function ignoreExisting(error: unknown): void {
  if (!isAlreadyExists(error)) throw error;
}
