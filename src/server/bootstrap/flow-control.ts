import type {
  FlowSchema,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
  ResourcePolicyRule,
  Subject,
} from '#api/flowcontrol/v1.ts';

const API_VERSION = 'flowcontrol.apiserver.k8s.io/v1';
const AUTO_UPDATE = { 'apf.kubernetes.io/autoupdate-spec': 'true' } as const;

interface LevelRow {
  readonly name: string;
  readonly shares: number;
  readonly lendablePercent: number;
  /** Requests beyond the limit are refused where there are none. */
  readonly queues?: number;
}

/** Upstream v1.36's levels, staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap/default.go. */
const LEVELS: readonly LevelRow[] = [
  { name: 'catch-all', shares: 5, lendablePercent: 0 },
  { name: 'system', shares: 30, lendablePercent: 33, queues: 64 },
  { name: 'node-high', shares: 40, lendablePercent: 25, queues: 64 },
  { name: 'leader-election', shares: 10, lendablePercent: 0, queues: 16 },
  { name: 'workload-high', shares: 40, lendablePercent: 50, queues: 128 },
  { name: 'workload-low', shares: 100, lendablePercent: 90, queues: 128 },
  { name: 'global-default', shares: 20, lendablePercent: 50, queues: 128 },
];
const QUEUE_LENGTH = 50;
/** Of how many queues a flow picks the shortest; few queues need few picks. */
const handSize = (queues: number) => (queues < 64 ? 4 : 6);

const group = (name: string): Subject => ({ kind: 'Group', group: { name } });
const user = (name: string): Subject => ({ kind: 'User', user: { name } });
const SYSTEM_ACCOUNTS: Subject = { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } };
const CONTROLLER_MANAGER = user('system:kube-controller-manager');
const SCHEDULER = user('system:kube-scheduler');
const EVERYBODY = [group('system:unauthenticated'), group('system:authenticated')];

const ALL_RESOURCES: ResourcePolicyRule = {
  verbs: ['*'],
  apiGroups: ['*'],
  resources: ['*'],
  namespaces: ['*'],
  clusterScope: true,
};
const EVERYTHING = {
  resourceRules: [ALL_RESOURCES],
  nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }],
};

interface SchemaRow {
  readonly name: string;
  readonly level: string;
  readonly precedence: number;
  readonly by?: 'ByUser' | 'ByNamespace';
  readonly subjects: readonly Subject[];
  /** Everything if absent. */
  readonly rules?: Omit<PolicyRulesWithSubjects, 'subjects'>;
}

const SCHEMAS: readonly SchemaRow[] = [
  { name: 'exempt', level: 'exempt', precedence: 1, subjects: [group('system:masters')] },
  {
    name: 'probes',
    level: 'exempt',
    precedence: 2,
    subjects: EVERYBODY,
    rules: { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }] },
  },
  {
    name: 'system-leader-election',
    level: 'leader-election',
    precedence: 100,
    by: 'ByUser',
    subjects: [CONTROLLER_MANAGER, SCHEDULER, SYSTEM_ACCOUNTS],
    rules: {
      resourceRules: [
        {
          verbs: ['get', 'create', 'update'],
          apiGroups: ['coordination.k8s.io'],
          resources: ['leases'],
          namespaces: ['*'],
        },
      ],
    },
  },
  {
    name: 'system-node-high',
    level: 'node-high',
    precedence: 400,
    by: 'ByUser',
    subjects: [group('system:nodes')],
    rules: {
      resourceRules: [
        { ...ALL_RESOURCES, apiGroups: [''], resources: ['nodes', 'nodes/status'] },
        { verbs: ['*'], apiGroups: ['coordination.k8s.io'], resources: ['leases'], namespaces: ['*'] },
      ],
    },
  },
  { name: 'system-nodes', level: 'system', precedence: 500, by: 'ByUser', subjects: [group('system:nodes')] },
  {
    name: 'kube-controller-manager',
    level: 'workload-high',
    precedence: 800,
    by: 'ByNamespace',
    subjects: [CONTROLLER_MANAGER],
  },
  { name: 'kube-scheduler', level: 'workload-high', precedence: 800, by: 'ByNamespace', subjects: [SCHEDULER] },
  {
    name: 'kube-system-service-accounts',
    level: 'workload-high',
    precedence: 900,
    by: 'ByNamespace',
    subjects: [SYSTEM_ACCOUNTS],
  },
  {
    name: 'service-accounts',
    level: 'workload-low',
    precedence: 9000,
    by: 'ByUser',
    subjects: [group('system:serviceaccounts')],
  },
  { name: 'global-default', level: 'global-default', precedence: 9900, by: 'ByUser', subjects: EVERYBODY },
  { name: 'catch-all', level: 'catch-all', precedence: 10_000, by: 'ByUser', subjects: EVERYBODY },
];

/** The classes of requests that every cluster has; clients read and change them, this server treats all requests alike. */
export function priorityLevels(): PriorityLevelConfiguration[] {
  const of = (name: string, spec: PriorityLevelConfiguration['spec']): PriorityLevelConfiguration => ({
    apiVersion: API_VERSION,
    kind: 'PriorityLevelConfiguration',
    metadata: { name, annotations: AUTO_UPDATE },
    spec,
  });
  const exempt = of('exempt', { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } });
  const limited = LEVELS.map(({ name, shares, lendablePercent, queues }) => {
    const limitResponse =
      queues === undefined
        ? { type: 'Reject' }
        : { type: 'Queue', queuing: { queues, handSize: handSize(queues), queueLengthLimit: QUEUE_LENGTH } };
    return of(name, { type: 'Limited', limited: { nominalConcurrencyShares: shares, lendablePercent, limitResponse } });
  });
  return [exempt, ...limited];
}

/** Which requests belong to which class. */
export function flowSchemaObjects(): FlowSchema[] {
  return SCHEMAS.map(({ name, level, precedence, by, subjects, rules = EVERYTHING }) => ({
    apiVersion: API_VERSION,
    kind: 'FlowSchema',
    metadata: { name, annotations: AUTO_UPDATE },
    spec: {
      priorityLevelConfiguration: { name: level },
      matchingPrecedence: precedence,
      ...(by !== undefined && { distinguisherMethod: { type: by } }),
      rules: [{ subjects: [...subjects], ...rules }],
    },
  }));
}
