import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { deepClone, deepEqual } from '#api/meta/clone.ts';
import { checkPathSegmentName } from '#api/meta/names.ts';
import { formatTime, humanDuration } from '#api/meta/time.ts';
import {
  duplicate,
  type FieldError,
  forbiddenField,
  immutable,
  invalidValue,
  notSupported,
  required,
} from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn, type RequestContext } from '#server/apiserver/resource.ts';
import { NONE } from '../columns.ts';
import { each } from '../validate.ts';

type Csr = CertificateSigningRequest;

const DECISIONS = ['Approved', 'Denied'];
const KEY_USAGES = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const SIGNER = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[^\s/][^\s]*$/;
const MIN_SECONDS = 600;

/** CertificateSigningRequest: a key that asks to be believed. */
export const csrResource = defineResource<Csr>(certificateSigningRequests, {
  nameRule: checkPathSegmentName,
  fieldSelectors: { 'spec.signerName': ({ spec }) => spec.signerName ?? '' },
  prepareCreate: recordRequester,
  prepareUpdate(csr, old) {
    csr.spec = deepClone(old.spec);
  },
  validate: ({ spec }) => validateSpec(spec),
  subresources: [
    { name: 'approval', update: { merge: mergeApproval, validate: validateApproval } },
    { name: 'status', update: { merge: mergeStatus, validate: validateStatus } },
  ],
  columns: [
    nameColumn,
    ageColumn,
    { name: 'SignerName', value: ({ spec }) => spec.signerName || NONE },
    { name: 'Requestor', value: ({ spec }) => spec.username ?? '' },
    {
      name: 'RequestedDuration',
      value: ({ spec }) => (spec.expirationSeconds === undefined ? NONE : humanDuration(spec.expirationSeconds * 1000)),
    },
    { name: 'Condition', value: conditionText },
  ],
});

/** Who asks is what the server knows, not what the request says. */
function recordRequester({ spec }: Csr, { user }: RequestContext): void {
  if (spec === undefined) return;
  spec.username = user.username;
  spec.groups = [...user.groups];
  if (user.uid === undefined) delete spec.uid;
  else spec.uid = user.uid;
  if (user.extra === undefined) delete spec.extra;
  else spec.extra = Object.fromEntries(Object.entries(user.extra).map(([key, values]) => [key, [...values]]));
}

function validateSpec(spec: Csr['spec'] | undefined): FieldError[] {
  const { request = '', signerName = '', usages = [], expirationSeconds } = spec ?? {};
  const errors: FieldError[] = [];
  const pem = Buffer.from(request, 'base64').toString('latin1');
  if (
    !/-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]+-----END (?:NEW )?CERTIFICATE REQUEST-----/.test(pem)
  ) {
    errors.push(invalidValue('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST'));
  }
  if (usages.length === 0) errors.push(required('spec.usages'));
  errors.push(
    ...each(usages, 'spec.usages', (usage, at) =>
      KEY_USAGES.includes(usage) ? [] : [notSupported(at, usage, KEY_USAGES)],
    ),
  );
  const repeated = usages.findIndex((usage, index) => usages.indexOf(usage) !== index);
  if (repeated >= 0) errors.push(duplicate(`spec.usages[${repeated}]`, usages[repeated]));
  if (signerName === '') errors.push(required('spec.signerName'));
  else if (!SIGNER.test(signerName))
    errors.push(
      invalidValue(
        'spec.signerName',
        signerName,
        'must be a fully qualified domain and path of the form "example.com/signer-name"',
      ),
    );
  if (expirationSeconds !== undefined && expirationSeconds < MIN_SECONDS) {
    errors.push(
      invalidValue(
        'spec.expirationSeconds',
        expirationSeconds,
        `may not specify a duration less than ${MIN_SECONDS} seconds (10 minutes)`,
      ),
    );
  }
  return errors;
}

/** An approval decides; certificate and spec are not its business. */
function mergeApproval(csr: Csr, old: Csr, context: RequestContext): Csr {
  return { ...old, metadata: writable(csr, old), status: { ...old.status, conditions: withTimes(csr, old, context) } };
}

/** A signer brings the certificate, or says that it failed; decisions stay as they are. */
function mergeStatus(csr: Csr, old: Csr, context: RequestContext): Csr {
  return { ...old, metadata: writable(csr, old), status: { ...csr.status, conditions: withTimes(csr, old, context) } };
}

function writable(csr: Csr, old: Csr): Csr['metadata'] {
  const { resourceVersion, managedFields } = csr.metadata;
  return { ...old.metadata, resourceVersion, ...(managedFields !== undefined && { managedFields }) };
}

function withTimes({ status }: Csr, old: Csr, { now }: RequestContext) {
  const time = formatTime(now);
  return (status?.conditions ?? []).map((condition) => {
    const before = old.status?.conditions?.find(
      ({ type, status: value }) => type === condition.type && value === condition.status,
    );
    const lastUpdateTime = condition.lastUpdateTime ?? before?.lastUpdateTime ?? time;
    const lastTransitionTime = condition.lastTransitionTime ?? before?.lastTransitionTime ?? time;
    return { ...condition, lastUpdateTime, lastTransitionTime };
  });
}

const conditionsOf = (csr: Csr, types: (type: string) => boolean) =>
  (csr.status?.conditions ?? []).filter(({ type }) => types(type)).map(({ type, status }) => ({ type, status }));
const isDecision = (type: string) => DECISIONS.includes(type);

function validateApproval(csr: Csr, old: Csr): FieldError[] {
  const errors = validateConditions(csr);
  for (const type of DECISIONS) {
    if (conditionsOf(old, (own) => own === type).length > 0 && conditionsOf(csr, (own) => own === type).length === 0) {
      errors.push(forbiddenField('status.conditions', `updates may not remove a condition of type "${type}"`));
    }
  }
  return errors;
}

function validateStatus(csr: Csr, old: Csr): FieldError[] {
  const errors = validateConditions(csr);
  for (const type of DECISIONS) {
    const [now, before] = [conditionsOf(csr, (own) => own === type), conditionsOf(old, (own) => own === type)];
    if (before.length === 0 && now.length > 0)
      errors.push(forbiddenField('status.conditions', `updates may not add a condition of type "${type}"`));
    if (before.length > 0 && now.length === 0)
      errors.push(forbiddenField('status.conditions', `updates may not remove a condition of type "${type}"`));
  }
  const before = old.status?.certificate ?? '';
  if (before !== '' && !deepEqual(csr.status?.certificate, before))
    errors.push(immutable('status.certificate', csr.status?.certificate ?? ''));
  return errors;
}

function validateConditions(csr: Csr): FieldError[] {
  const errors = each(csr.status?.conditions, 'status.conditions', ({ type = '', status = '' }, at) => {
    if (type === '') return [required(`${at}.type`)];
    if (status === '') return [required(`${at}.status`)];
    const isFinal = isDecision(type) || type === 'Failed';
    return isFinal && status !== 'True' ? [notSupported(`${at}.status`, status, ['True'])] : [];
  });
  if (new Set(conditionsOf(csr, isDecision).map(({ type }) => type)).size > 1) {
    errors.push(invalidValue('status.conditions', 'Denied', 'Approved and Denied conditions are mutually exclusive'));
  }
  return errors;
}

function conditionText({ status }: Csr): string {
  const types = (status?.conditions ?? []).map(({ type }) => type);
  const decision = ['Denied', 'Approved'].find((type) => types.includes(type)) ?? 'Pending';
  return `${decision}${types.includes('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`;
}
