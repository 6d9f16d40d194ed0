import { defaultMutatingWebhooks, defaultValidatingWebhooks } from '#api/admissionregistration/defaults.ts';
import {
  type MutatingWebhookConfiguration,
  mutatingWebhookConfigurations,
  type ValidatingWebhookConfiguration,
  validatingWebhookConfigurations,
  type WebhookClientConfig,
} from '#api/admissionregistration/v1.ts';
import { checkDns1123Subdomain } from '#api/meta/names.ts';
import { validateLabelSelector } from '#api/meta/object-meta.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { each, oneOf, requireText } from '../validate.ts';

type Webhook = NonNullable<ValidatingWebhookConfiguration['webhooks']>[number] &
  NonNullable<MutatingWebhookConfiguration['webhooks']>[number];

/** ValidatingWebhookConfiguration: who else is asked whether a write may be. */
export const validatingWebhookResource = defineResource<ValidatingWebhookConfiguration>(
  validatingWebhookConfigurations,
  {
    unconditionalUpdate: false,
    defaults: defaultValidatingWebhooks,
    prepareCreate: startGeneration,
    validate: ({ webhooks }) => validateWebhooks(webhooks as Webhook[] | undefined),
    columns: [
      nameColumn,
      { name: 'Webhooks', type: 'integer', value: ({ webhooks = [] }) => webhooks.length },
      ageColumn,
    ],
  },
);

/** MutatingWebhookConfiguration: who else may change what is written. */
export const mutatingWebhookResource = defineResource<MutatingWebhookConfiguration>(mutatingWebhookConfigurations, {
  unconditionalUpdate: false,
  defaults: defaultMutatingWebhooks,
  prepareCreate: startGeneration,
  validate: ({ webhooks }) => validateWebhooks(webhooks as Webhook[] | undefined),
  columns: [
    nameColumn,
    { name: 'Webhooks', type: 'integer', value: ({ webhooks = [] }) => webhooks.length },
    ageColumn,
  ],
});

function startGeneration({ metadata }: { metadata: { generation?: number | undefined } }): void {
  metadata.generation = 1;
}

function validateWebhooks(webhooks: readonly Webhook[] | undefined): FieldError[] {
  const names = new Set<string>();
  return each(webhooks, 'webhooks', (webhook, at) => {
    const errors = validateName(webhook.name, `${at}.name`);
    if (names.has(webhook.name)) errors.push(duplicate(`${at}.name`, webhook.name));
    names.add(webhook.name);
    return [...errors, ...validateWebhook(webhook, at)];
  });
}

/** At least three parts, so that two parties do not take the same name. */
function validateName(name: string | undefined, field: string): FieldError[] {
  if (name === undefined || name === '') return [required(field)];
  const messages = checkDns1123Subdomain(name);
  if (messages.length > 0) return messages.map((message) => invalidValue(field, name, message));
  return name.split('.').length < 3
    ? [invalidValue(field, name, 'should be a domain with at least three segments separated by dots')]
    : [];
}

function validateWebhook(
  {
    rules,
    failurePolicy,
    matchPolicy,
    sideEffects,
    timeoutSeconds,
    admissionReviewVersions = [],
    clientConfig,
    namespaceSelector,
    objectSelector,
  }: Webhook,
  field: string,
): FieldError[] {
  const errors = each(
    rules,
    `${field}.rules`,
    ({ operations = [], apiGroups = [], apiVersions = [], resources = [] }, at) => {
      const lists = { operations, apiGroups, apiVersions, resources };
      return Object.entries(lists).flatMap(([name, list]) => (list.length === 0 ? [required(`${at}.${name}`)] : []));
    },
  );
  errors.push(
    ...oneOf(failurePolicy, `${field}.failurePolicy`, ['Fail', 'Ignore']),
    ...oneOf(matchPolicy, `${field}.matchPolicy`, ['Equivalent', 'Exact']),
  );
  if (sideEffects === undefined)
    errors.push(required(`${field}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  else if (sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun')
    errors.push(notSupported(`${field}.sideEffects`, sideEffects, ['None', 'NoneOnDryRun']));
  if (timeoutSeconds !== undefined && (timeoutSeconds < 1 || timeoutSeconds > 30)) {
    errors.push(
      invalidValue(`${field}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds'),
    );
  }
  if (admissionReviewVersions.length === 0)
    errors.push(required(`${field}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
  errors.push(
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...validateLabelSelector(objectSelector, `${field}.objectSelector`),
  );
  return [...errors, ...validateClientConfig(clientConfig, `${field}.clientConfig`)];
}

function validateClientConfig(config: WebhookClientConfig | undefined, field: string): FieldError[] {
  const { url, service } = config ?? {};
  if ((url === undefined) === (service === undefined))
    return [required(field, 'exactly one of url or service is required')];
  if (service !== undefined)
    return [
      ...requireText(service.name, `${field}.service.name`),
      ...requireText(service.namespace, `${field}.service.namespace`),
    ];
  return url !== undefined && URL.canParse(url) && new URL(url).protocol === 'https:'
    ? []
    : [
        invalidValue(
          `${field}.url`,
          url,
          "'https' is the only allowed URL scheme; desired format: https://host[/path]",
        ),
      ];
}
