import type { AdmissionRequest } from '#api/admission/request.ts';
import type { Node } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { goQuote } from '#api/meta/go-text.ts';
import { refusal } from '../refusal.ts';

/** Labels of Kubernetes' own that say what a node is, not what it is for. */
const NODE_LABELS: ReadonlySet<string> = new Set([
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
]);
const NODE_LABEL_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io'] as const;
const RESERVED_DOMAINS = ['kubernetes.io', 'k8s.io'] as const;
const RESTRICTED_DOMAIN = 'node-restriction.kubernetes.io';

/** A node writes only its own Node, and nothing on it that decides which pods come to it or who owns it. */
export function checkNode(request: AdmissionRequest, nodeName: string): void {
  const { operation, name } = request;
  const quoted = goQuote(nodeName);
  if (name !== nodeName) throw refusal(request, `node ${quoted} is not allowed to modify node ${goQuote(name)}`);
  if (operation === 'CREATE') {
    const { metadata } = request.object as Node;
    const labels = forbiddenLabels(metadata.labels, undefined);
    if (labels.length === 0) return;
    throw refusal(request, `node ${quoted} is not allowed to set the following labels: ${labels.join(', ')}`);
  }
  if (operation === 'UPDATE') checkChange(request, quoted);
}

function checkChange(request: AdmissionRequest, quoted: string): void {
  const [node, old] = [request.object, request.oldObject] as [Node, Node];
  if (!deepEqual(node.spec?.taints ?? [], old.spec?.taints ?? [])) {
    throw refusal(request, `node ${quoted} is not allowed to modify taints`);
  }
  if (!deepEqual(node.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])) {
    throw refusal(request, `node ${quoted} is not allowed to modify ownerReferences`);
  }
  const labels = forbiddenLabels(node.metadata.labels, old.metadata.labels);
  if (labels.length > 0) throw refusal(request, `is not allowed to modify labels: ${labels.join(', ')}`);
}

type Labels = Readonly<Record<string, string>> | undefined;

/** Labels that differ and that a node may not decide about, sorted. */
export function forbiddenLabels(labels: Labels = {}, old: Labels = {}): string[] {
  const keys = [...new Set([...Object.keys(labels), ...Object.keys(old)])];
  return keys.filter((key) => labels[key] !== old[key] && isForbidden(key)).sort();
}

function isForbidden(label: string): boolean {
  const slash = label.indexOf('/');
  const domain = slash < 0 ? '' : label.slice(0, slash);
  const isIn = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  if (isIn(RESTRICTED_DOMAIN)) return true;
  return RESERVED_DOMAINS.some(isIn) && !NODE_LABELS.has(label) && !NODE_LABEL_DOMAINS.some(isIn);
}
