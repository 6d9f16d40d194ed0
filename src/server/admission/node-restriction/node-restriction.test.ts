import { describe, expect, test } from 'vitest';
import type { AdmissionRequest } from '#api/admission/request.ts';
import type { TokenRequest } from '#api/authentication/v1.ts';
import { certificateSigningRequests } from '#api/certificates/v1.ts';
import { leases } from '#api/coordination/v1.ts';
import {
  configMaps,
  type Node,
  nodes,
  type PersistentVolumeClaim,
  type Pod,
  persistentVolumeClaims,
  pods,
  serviceAccounts,
} from '#api/core/v1.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { csiDrivers, csiNodes } from '#api/storage/v1.ts';
import { createSigningRequest } from '#base/x509/csr.ts';
import { generateEcKey } from '#base/x509/keys.ts';
import { admissionDeps, admissionRequest, refusalOf } from '#test/support/admission.ts';
import { forbiddenLabels } from './node.ts';
import { nodeRestriction } from './node-restriction.ts';

const SELF = { username: 'system:node:self', groups: ['system:nodes'] };
const MIRROR = { 'kubernetes.io/config.mirror': 'hash' };
const OWNER = { apiVersion: 'v1', kind: 'Node', name: 'self', uid: 'uid-nodes-self', controller: true };

interface PodParts {
  readonly spec?: Partial<Pod['spec']> | undefined;
  readonly metadata?: Partial<Pod['metadata']> | undefined;
  readonly status?: Pod['status'];
}

function pod(name: string, nodeName: string, { spec, metadata, status }: PodParts = {}): Pod {
  return {
    metadata: { name, namespace: 'default', ...metadata },
    spec: { containers: [{ name: 'c' }], nodeName, ...spec },
    ...(status && { status }),
  };
}

const mirrorPod = ({ spec, metadata }: PodParts = {}) =>
  pod('m', 'self', { spec, metadata: { annotations: MIRROR, ownerReferences: [OWNER], ...metadata } });

function node(part: Partial<Node['metadata']> = {}, spec: Node['spec'] = {}): Node {
  return { metadata: { name: 'self', ...part }, spec };
}

function plugin(mayDo = () => false) {
  const deps = admissionDeps({ mayDo });
  deps.cache.put(nodes, node());
  const csi = { driver: 'disks' };
  deps.cache.put(pods, pod('mine', 'self', { spec: { volumes: [token('vault'), { name: 'd', csi }] } }));
  deps.cache.put(pods, pod('theirs', 'other'));
  deps.cache.put(csiDrivers, { metadata: { name: 'disks' }, spec: { tokenRequests: [{ audience: 'storage' }] } });
  return nodeRestriction(deps);
}

function token(audience: string) {
  return { name: 't', projected: { sources: [{ serviceAccountToken: { path: 'token', audience } }] } };
}

const by = (ref: ResourceRef, part: Partial<AdmissionRequest>) => admissionRequest(ref, { user: SELF, ...part });

interface Row {
  readonly name: string;
  readonly request: AdmissionRequest;
  /** The message without `… is forbidden: `; absent if allowed. */
  readonly why?: string;
}

async function judge({ request, why }: Row, restriction = plugin()): Promise<void> {
  const refusal = await refusalOf(restriction, request);
  expect(refusal?.replace(/^.*? is forbidden: /, '')).toBe(why);
}

describe('a node and its Node', () => {
  const zone = { 'topology.kubernetes.io/zone': 'a' };
  const role = { 'node-role.kubernetes.io/control-plane': '' };
  const taints = [{ key: 'a', effect: 'NoSchedule' }];
  test.each<Row>([
    { name: 'registers itself', request: by(nodes, { object: node({ labels: { ...zone, own: 'x' } }) }) },
    {
      name: 'registers nobody else',
      request: by(nodes, { object: node({ name: 'other' }) }),
      why: 'node "self" is not allowed to modify node "other"',
    },
    {
      name: 'registers without reserved labels',
      request: by(nodes, { object: node({ labels: { ...zone, ...role } }) }),
      why: 'node "self" is not allowed to set the following labels: node-role.kubernetes.io/control-plane',
    },
    { name: 'may register with taints', request: by(nodes, { object: node({}, { taints }) }) },
    {
      name: 'changes no taints',
      request: by(nodes, { object: node(), oldObject: node({}, { taints }) }),
      why: 'node "self" is not allowed to modify taints',
    },
    {
      name: 'removes no reserved labels',
      request: by(nodes, { object: node(), oldObject: node({ labels: role }) }),
      why: 'is not allowed to modify labels: node-role.kubernetes.io/control-plane',
    },
    {
      name: 'keeps reserved labels of others',
      request: by(nodes, { object: node({ labels: { ...role, ...zone } }), oldObject: node({ labels: role }) }),
    },
    {
      name: 'changes no owners',
      request: by(nodes, { object: node({ ownerReferences: [OWNER] }), oldObject: node(), subresource: 'status' }),
      why: 'node "self" is not allowed to modify ownerReferences',
    },
    {
      name: 'is not meant by a user of that name alone',
      request: by(nodes, { object: node({ name: 'other' }), user: { ...SELF, groups: [] } }),
    },
  ])('$name', (row) => judge(row));

  test.each([
    { label: 'kubernetes.io/hostname', forbidden: false },
    { label: 'node.kubernetes.io/instance-type', forbidden: false },
    { label: 'x.kubelet.kubernetes.io/y', forbidden: false },
    { label: 'example.com/x', forbidden: false },
    { label: 'plain', forbidden: false },
    { label: 'kubernetes.io/role', forbidden: true },
    { label: 'x.k8s.io/y', forbidden: true },
    { label: 'node-restriction.kubernetes.io/x', forbidden: true },
    { label: 'a.node-restriction.kubernetes.io/x', forbidden: true },
  ])('label $label forbidden: $forbidden', ({ label, forbidden }) => {
    expect(forbiddenLabels({ [label]: 'x' }, {})).toEqual(forbidden ? [label] : []);
  });
});

describe('a node and pods', () => {
  const status = { subresource: 'status' };
  test.each<Row>([
    { name: 'creates mirror pods', request: by(pods, { object: mirrorPod() }) },
    {
      name: 'creates no other pods',
      request: by(pods, { object: pod('p', 'self') }),
      why: 'pod does not have "kubernetes.io/config.mirror" annotation, node "self" can only create mirror pods',
    },
    {
      name: 'creates no mirror pods elsewhere',
      request: by(pods, { object: pod('p', 'other', { metadata: { annotations: MIRROR } }) }),
      why: 'node "self" can only create pods with spec.nodeName set to itself',
    },
    {
      name: 'owns its mirror pods',
      request: by(pods, { object: mirrorPod({ metadata: { ownerReferences: [] } }) }),
      why: 'node "self" can only create pods with an owner reference set to itself',
    },
    {
      name: 'owns its mirror pods under its present UID',
      request: by(pods, { object: mirrorPod({ metadata: { ownerReferences: [{ ...OWNER, uid: 'old' }] } }) }),
      why: 'node self UID mismatch: expected old got uid-nodes-self',
    },
    {
      name: 'opens no secrets by mirror pods',
      request: by(pods, { object: mirrorPod({ spec: { volumes: [{ name: 's', secret: { secretName: 's' } }] } }) }),
      why: 'node "self" can not create pods that reference secrets',
    },
    {
      name: 'opens no configmaps by mirror pods',
      request: by(pods, {
        object: mirrorPod({ spec: { containers: [{ name: 'c', envFrom: [{ configMapRef: { name: 'x' } }] }] } }),
      }),
      why: 'node "self" can not create pods that reference configmaps',
    },
    {
      name: 'changes no pods',
      request: by(pods, { object: pod('mine', 'self'), oldObject: pod('mine', 'self') }),
      why: 'unexpected operation "UPDATE", node "self" can only create and delete mirror pods',
    },
    { name: 'deletes its pods', request: by(pods, { operation: 'DELETE', oldObject: pod('mine', 'self') }) },
    {
      name: 'deletes no others',
      request: by(pods, { operation: 'DELETE', oldObject: pod('theirs', 'other') }),
      why: 'node "self" can only delete pods with spec.nodeName set to itself',
    },
    {
      name: 'reports on its pods',
      request: by(pods, {
        ...status,
        object: pod('mine', 'self', { status: { phase: 'Running' } }),
        oldObject: pod('mine', 'self'),
      }),
    },
    {
      name: 'reports on no others',
      request: by(pods, { ...status, object: pod('theirs', 'other'), oldObject: pod('theirs', 'other') }),
      why: 'node "self" can only update pod status for pods with spec.nodeName set to itself',
    },
    {
      name: 'relabels no pods',
      request: by(pods, {
        ...status,
        object: pod('mine', 'self', { metadata: { labels: { app: 'bank' } } }),
        oldObject: pod('mine', 'self'),
      }),
      why: 'node "self" cannot update labels through pod status',
    },
    { name: 'evicts its pods', request: by(pods, { subresource: 'eviction', object: pod('mine', '') }) },
    {
      name: 'evicts no others',
      request: by(pods, { subresource: 'eviction', object: pod('theirs', '') }),
      why: 'node self can only evict pods with spec.nodeName set to itself',
    },
    {
      name: 'binds no pods',
      request: by(pods, { subresource: 'binding', object: pod('mine', '') }),
      why: "unexpected pod subresource \"binding\", only 'status' and 'eviction' are allowed",
    },
  ])('$name', (row) => judge(row));
});

describe('a node and tokens', () => {
  const MINE = { apiVersion: 'v1', kind: 'Pod', name: 'mine', uid: 'uid-pods-default/mine' };

  function tokenFor(boundObjectRef: TokenRequest['spec']['boundObjectRef'], ...audiences: string[]) {
    const object: TokenRequest = {
      metadata: { name: 'default', namespace: 'default' },
      spec: { audiences, boundObjectRef },
    };
    return by(serviceAccounts, { subresource: 'token', object });
  }

  const absent =
    'audience "x" not found in pod spec volume, system:node:self is not authorized to request tokens for this audience';
  test.each<Row>([
    { name: 'gets one for its pod', request: tokenFor(MINE) },
    { name: 'gets one for an audience of the pod', request: tokenFor(MINE, 'vault') },
    { name: "gets one for an audience of the pod's storage", request: tokenFor(MINE, 'storage') },
    { name: 'gets none for other audiences', request: tokenFor(MINE, 'x'), why: absent },
    {
      name: 'gets none for two audiences',
      request: tokenFor(MINE, 'vault', 'storage'),
      why: 'node may only request 0 or 1 audiences',
    },
    { name: 'gets none without pod', request: tokenFor(undefined), why: 'node requested token not bound to a pod' },
    {
      name: 'gets none without UID',
      request: tokenFor({ ...MINE, uid: undefined }),
      why: 'node requested token with a pod binding without a uid',
    },
    { name: 'gets none for a missing pod', request: tokenFor({ ...MINE, name: 'x' }), why: 'pods "x" not found' },
    {
      name: 'gets none for an earlier pod',
      request: tokenFor({ ...MINE, uid: 'old' }),
      why: 'the UID in the bound object reference (old) does not match the UID in record. The object might have been deleted and then recreated',
    },
    {
      name: "gets none for others' pods",
      request: tokenFor({ ...MINE, name: 'theirs', uid: 'uid-pods-default/theirs' }),
      why: 'node requested token bound to a pod scheduled on a different node',
    },
  ])('$name', (row) => judge(row));

  test('gets one for any audience it has the right to', async () => {
    await judge(
      { name: '', request: tokenFor(MINE, 'x') },
      plugin(() => true),
    );
  });
});

describe('a node and the rest', () => {
  const claim = (part: Partial<PersistentVolumeClaim> = {}): PersistentVolumeClaim => ({
    metadata: { name: 'data', namespace: 'default' },
    spec: {},
    ...part,
  });
  const capacity = { capacity: { storage: '2Gi' } };
  test.each<Row>([
    {
      name: 'has its lease',
      request: by(leases, { object: { metadata: { name: 'self', namespace: 'kube-node-lease' } } }),
    },
    {
      name: 'has no other lease',
      request: by(leases, { object: { metadata: { name: 'other', namespace: 'kube-node-lease' } } }),
      why: 'can only access node lease with the same name as the requesting node',
    },
    {
      name: 'has no lease elsewhere',
      request: by(leases, { object: { metadata: { name: 'self', namespace: 'default' } } }),
      why: 'can only access leases in the "kube-node-lease" system namespace',
    },
    {
      name: 'has no other CSINode',
      request: by(csiNodes, { object: { metadata: { name: 'other' } } }),
      why: 'can only access CSINode with the same name as the requesting node',
    },
    {
      name: 'says how large a volume is',
      request: by(persistentVolumeClaims, {
        subresource: 'status',
        object: claim({ status: capacity }),
        oldObject: claim(),
      }),
    },
    {
      name: 'says nothing else of a claim',
      request: by(persistentVolumeClaims, {
        subresource: 'status',
        object: claim({ metadata: { name: 'data', namespace: 'default', labels: { a: 'b' } } }),
        oldObject: claim(),
      }),
      why: 'node "self" is not allowed to update fields other than status.quantity and status.conditions',
    },
    {
      name: 'makes no claims',
      request: by(persistentVolumeClaims, { object: claim() }),
      why: 'may only update PVC status',
    },
    {
      name: 'is not restricted where the authorizer is enough',
      request: by(configMaps, { object: { metadata: { name: 'x' } } }),
    },
  ])('$name', (row) => judge(row));

  test.each([
    { commonName: 'system:node:self', why: undefined },
    { commonName: 'system:node:other', why: 'can only create a node CSR with CN=system:node:self' },
  ])('asks for a certificate of $commonName', async ({ commonName, why }) => {
    const pem = createSigningRequest({
      subject: { commonName, organizations: ['system:nodes'] },
      ...(await generateEcKey()),
    });
    const spec = { signerName: 'kubernetes.io/kubelet-serving', request: Buffer.from(pem).toString('base64') };
    const request = by(certificateSigningRequests, { object: { metadata: { name: 'c' }, ...{ spec } } });
    await judge({ name: '', request, ...(why && { why }) });
  });
});
