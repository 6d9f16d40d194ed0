import { expect, test } from 'vitest';
import { builtinResources } from '#api/catalogue.ts';
import type { ResourceDefinition } from '#server/apiserver/resource.ts';
import { allResources } from './all.ts';

const never = (): never => {
  throw new Error('Not used in this test');
};
const definitions = allResources({
  serviceCidr: '10.43.0.0/16',
  nodePorts: [30_000, 32_767],
  authorizer: never,
  authenticator: never,
  tokens: never,
  client: never,
});
const nameOf = ({ ref }: Pick<ResourceDefinition, 'ref'>) => `${ref.group}/${ref.version}/${ref.plural}`;
const byName = new Map(definitions.map((definition) => [nameOf(definition), definition]));
const named = (name: string): ResourceDefinition => {
  const found = byName.get(name);
  if (found === undefined) throw new Error(`No definition of ${name}`);
  return found;
};

test('every resource of the catalogue is defined, once', () => {
  expect(definitions.map(nameOf).sort()).toEqual(builtinResources.map(nameOf).sort());
});

test.each([
  {
    name: 'PUT creates',
    property: 'createOnUpdate',
    plurals: [
      'clusterrolebindings',
      'clusterroles',
      'endpoints',
      'events',
      'events',
      'leases',
      'limitranges',
      'rolebindings',
      'roles',
      'runtimeclasses',
      'services',
    ],
  },
  {
    name: 'DELETE answers with the object',
    property: 'returnsDeleted',
    plurals: [
      'csidrivers',
      'csinodes',
      'deviceclasses',
      'namespaces',
      'persistentvolumeclaims',
      'persistentvolumes',
      'pods',
      'podtemplates',
      'resourceclaims',
      'resourceclaimtemplates',
      'resourcequotas',
      'resourceslices',
      'serviceaccounts',
      'services',
      'storageclasses',
      'volumeattachments',
      'volumeattributesclasses',
    ],
  },
] as const)('$name for these kinds alone', ({ property, plurals }) => {
  expect(
    definitions
      .filter((definition) => definition[property])
      .map(({ ref }) => ref.plural)
      .sort(),
  ).toEqual([...plurals]);
});

test('PUT needs a resourceVersion for these kinds alone', () => {
  expect(
    definitions
      .filter(({ unconditionalUpdate }) => !unconditionalUpdate)
      .map(({ ref }) => ref.plural)
      .sort(),
  ).toEqual([
    'csidrivers',
    'csinodes',
    'csistoragecapacities',
    'leases',
    'mutatingadmissionpolicies',
    'mutatingadmissionpolicybindings',
    'mutatingwebhookconfigurations',
    'poddisruptionbudgets',
    'runtimeclasses',
    'validatingadmissionpolicies',
    'validatingadmissionpolicybindings',
    'validatingwebhookconfigurations',
    'volumeattachments',
  ]);
});

test('dependents of jobs and replication controllers stay by default', () => {
  expect(
    definitions
      .filter(({ defaultPropagation }) => defaultPropagation === 'Orphan')
      .map(({ ref }) => ref.plural)
      .sort(),
  ).toEqual(['jobs', 'replicationcontrollers']);
});

/** Narrow columns, then `|` and the wide ones. */
const COLUMNS: Readonly<Record<string, string>> = {
  '/v1/pods': 'Name Ready Status Restarts Age | IP Node Nominated_Node Readiness_Gates',
  '/v1/services': 'Name Type Cluster-IP External-IP Port(s) Age | Selector',
  '/v1/nodes': 'Name Status Roles Age Version | Internal-IP External-IP OS-Image Kernel-Version Container-Runtime',
  '/v1/events': 'Last_Seen Type Reason Object Message | Subobject Source First_Seen Count Name',
  'events.k8s.io/v1/events': 'Last_Seen Type Reason Object Message | Subobject Source First_Seen Count Name',
  '/v1/namespaces': 'Name Status Age',
  '/v1/secrets': 'Name Type Data Age',
  '/v1/configmaps': 'Name Data Age',
  '/v1/serviceaccounts': 'Name Age',
  '/v1/endpoints': 'Name Endpoints Age',
  '/v1/limitranges': '',
  '/v1/resourcequotas': 'Name Request Limit Age',
  '/v1/persistentvolumes':
    'Name Capacity Access_Modes Reclaim_Policy Status Claim StorageClass VolumeAttributesClass Reason Age | VolumeMode',
  '/v1/persistentvolumeclaims':
    'Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age | VolumeMode',
  '/v1/replicationcontrollers': 'Name Desired Current Ready Age | Containers Images Selector',
  '/v1/podtemplates': 'Name Containers Images Pod_Labels',
  '/v1/componentstatuses': 'Name Status Message Error',
  'apps/v1/deployments': 'Name Ready Up-to-date Available Age | Containers Images Selector',
  'apps/v1/replicasets': 'Name Desired Current Ready Age | Containers Images Selector',
  'apps/v1/statefulsets': 'Name Ready Age | Containers Images',
  'apps/v1/daemonsets':
    'Name Desired Current Ready Up-to-date Available Node_Selector Age | Containers Images Selector',
  'apps/v1/controllerrevisions': 'Name Controller Revision Age',
  'batch/v1/jobs': 'Name Status Completions Duration Age | Containers Images Selector',
  'batch/v1/cronjobs': 'Name Schedule Timezone Suspend Active Last_Schedule Age | Containers Images Selector',
  'autoscaling/v2/horizontalpodautoscalers': 'Name Reference Targets MinPods MaxPods Replicas Age',
  'autoscaling/v1/horizontalpodautoscalers': 'Name Reference Targets MinPods MaxPods Replicas Age',
  'networking.k8s.io/v1/ingresses': 'Name Class Hosts Address Ports Age',
  'networking.k8s.io/v1/ingressclasses': 'Name Controller Parameters Age',
  'networking.k8s.io/v1/networkpolicies': 'Name Pod-Selector Age',
  'networking.k8s.io/v1/servicecidrs': 'Name CIDRs Age',
  'policy/v1/poddisruptionbudgets': 'Name Min_Available Max_Unavailable Allowed_Disruptions Age',
  'rbac.authorization.k8s.io/v1/roles': '',
  'rbac.authorization.k8s.io/v1/clusterroles': '',
  'rbac.authorization.k8s.io/v1/rolebindings': 'Name Role Age | Users Groups ServiceAccounts',
  'rbac.authorization.k8s.io/v1/clusterrolebindings': 'Name Role Age | Users Groups ServiceAccounts',
  'storage.k8s.io/v1/storageclasses': 'Name Provisioner ReclaimPolicy VolumeBindingMode AllowVolumeExpansion Age',
  'storage.k8s.io/v1/csistoragecapacities': '',
  'certificates.k8s.io/v1/certificatesigningrequests': 'Name Age SignerName Requestor RequestedDuration Condition',
  'coordination.k8s.io/v1/leases': 'Name Holder Age',
  'discovery.k8s.io/v1/endpointslices': 'Name AddressType Ports Endpoints Age',
  'scheduling.k8s.io/v1/priorityclasses': 'Name Value Global-Default Age PreemptionPolicy',
  'node.k8s.io/v1/runtimeclasses': 'Name Handler Age',
  'apiregistration.k8s.io/v1/apiservices': 'Name Service Available Age',
  'apiextensions.k8s.io/v1/customresourcedefinitions': '',
  'flowcontrol.apiserver.k8s.io/v1/flowschemas':
    'Name PriorityLevel MatchingPrecedence DistinguisherMethod Age MissingPL',
  'flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations':
    'Name Type NominalConcurrencyShares Queues HandSize QueueLengthLimit Age',
};

test.each(Object.entries(COLUMNS))('columns of %s', (name, expected) => {
  const { columns } = named(name);
  const [narrow = '', wide = ''] = expected.split(' | ');
  const names = (priority: boolean) =>
    columns
      .filter((column) => (column.priority ?? 0) > 0 === priority)
      .map((column) => column.name.replaceAll(' ', '_'))
      .join(' ');
  expect([names(false), names(true)]).toEqual([narrow, wide]);
});

test('columns stand an object with nothing in it', () => {
  const now = new Date();
  const wrong = definitions.flatMap((definition) =>
    definition.columns.flatMap((column) => {
      try {
        column.value({ metadata: { name: 'x' }, spec: {} } as never, now);
        return [];
      } catch (error) {
        // A pod without containers, and a request without a spec, cannot be stored.
        return [`${nameOf(definition)} ${column.name}: ${String(error)}`];
      }
    }),
  );
  expect(wrong.filter((text) => !text.startsWith('/v1/pods'))).toEqual([]);
});

test('rules stand an object with nothing in it', () => {
  const wrong = definitions.flatMap((definition) => {
    try {
      definition.defaults?.({ metadata: { name: 'x' } } as never);
      definition.validate?.({ metadata: { name: 'x' } } as never, {} as never);
      return [];
    } catch (error) {
      return [`${nameOf(definition)}: ${String(error)}`];
    }
  });
  expect(wrong).toEqual([]);
});

test.each([
  {
    name: '/v1/pods',
    fields: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.podIPs',
      'status.nominatedNodeName',
    ],
  },
  { name: '/v1/nodes', fields: ['spec.unschedulable'] },
  { name: '/v1/namespaces', fields: ['status.phase'] },
  { name: '/v1/secrets', fields: ['type'] },
  { name: '/v1/services', fields: ['spec.clusterIP', 'spec.type'] },
  { name: '/v1/replicationcontrollers', fields: ['status.replicas'] },
  { name: 'batch/v1/jobs', fields: ['status.successful'] },
  { name: 'certificates.k8s.io/v1/certificatesigningrequests', fields: ['spec.signerName'] },
  { name: 'apps/v1/deployments', fields: [] },
])('field selectors of $name', ({ name, fields }) => {
  expect(Object.keys(named(name).fieldSelectors)).toEqual(fields);
});
