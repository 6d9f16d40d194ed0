import { fill } from '../schema/fill.ts';
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from './v1.ts';

/** Modifies. */
export function defaultValidatingWebhooks({ webhooks = [] }: ValidatingWebhookConfiguration): void {
  for (const webhook of webhooks) defaultWebhook(webhook);
}

/** Modifies. */
export function defaultMutatingWebhooks({ webhooks = [] }: MutatingWebhookConfiguration): void {
  for (const webhook of webhooks) {
    defaultWebhook(webhook);
    fill(webhook, { reinvocationPolicy: 'Never' });
  }
}

function defaultWebhook(webhook: ValidatingWebhook | MutatingWebhook): void {
  fill(webhook, {
    failurePolicy: 'Fail',
    matchPolicy: 'Equivalent',
    namespaceSelector: {},
    objectSelector: {},
    timeoutSeconds: 10,
  });
  for (const rule of webhook.rules ?? []) fill(rule, { scope: '*' });
  if (webhook.clientConfig?.service) fill(webhook.clientConfig.service, { port: 443 });
}

/** Modifies. */
export function defaultAdmissionPolicy({ spec }: ValidatingAdmissionPolicy | MutatingAdmissionPolicy): void {
  if (spec === undefined) return;
  fill(spec, { failurePolicy: 'Fail' });
  if (spec.matchConstraints) defaultMatch(spec.matchConstraints);
}

/** Modifies. */
export function defaultAdmissionPolicyBinding({
  spec,
}: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding): void {
  if (spec?.matchResources) defaultMatch(spec.matchResources);
}

function defaultMatch(match: MatchResources): void {
  fill(match, { matchPolicy: 'Equivalent', namespaceSelector: {}, objectSelector: {} });
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])])
    fill(rule, { scope: '*' });
}
