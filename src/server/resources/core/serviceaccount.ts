import { defaultTokenRequest } from '#api/authentication/defaults.ts';
import type { TokenRequest } from '#api/authentication/v1.ts';
import { nodes, pods, type ServiceAccount, secrets, serviceAccounts } from '#api/core/v1.ts';
import { badRequest, conflict, invalid, notFound } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import { type FieldError, invalidValue } from '#api/meta/validation.ts';
import type { Identified, ServiceAccountTokens, TokenIssue } from '#server/apiserver/authn/service-account-tokens.ts';
import {
  ageColumn,
  defineResource,
  nameColumn,
  type RequestContext,
  type ResourceDefinition,
} from '#server/apiserver/resource.ts';

const MIN_SECONDS = 600;
const MAX_SECONDS = 2 ** 32;
/** What the injected volume asks for: a token its holder may fail to renew. It lives for a year and is told on after an hour. */
const INJECTED_SECONDS = 3607;
const YEAR_SECONDS = 365 * 86_400;

/** ServiceAccount: who pods are. */
export function serviceAccountResource(tokens: () => ServiceAccountTokens): ResourceDefinition<ServiceAccount> {
  return defineResource<ServiceAccount>(serviceAccounts, {
    returnsDeleted: true,
    columns: [nameColumn, ageColumn],
    subresources: [
      {
        name: 'token',
        create: (account, body, context) =>
          requestToken(account, { tokens: tokens(), request: body as TokenRequest, context }),
      },
    ],
  });
}

async function requestToken(
  { metadata }: ServiceAccount,
  { tokens, request, context }: { tokens: ServiceAccountTokens; request: TokenRequest; context: RequestContext },
): Promise<TokenRequest> {
  request.spec ??= {};
  defaultTokenRequest(request);
  const { spec } = request;
  const { expirationSeconds = 3600 } = spec;
  const errors = validateExpiration(expirationSeconds);
  if (errors.length > 0) throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, metadata.name, errors);
  const audiences = (spec.audiences ?? []).length > 0 ? (spec.audiences ?? []) : [...tokens.apiAudiences];
  const account = { namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' };
  const bound = boundTo(account, request, context);
  const isForApi = audiences.every((audience) => tokens.apiAudiences.includes(audience));
  const isInjected = expirationSeconds === INJECTED_SECONDS && bound.pod !== undefined && isForApi;
  const { token } = await tokens.issue({
    serviceAccount: account,
    audiences,
    ...bound,
    ...(isInjected ? { expirationSeconds: YEAR_SECONDS, warnAfterSeconds: expirationSeconds } : { expirationSeconds }),
  });
  // The holder is told the time it asked for, so that it renews in time.
  const expirationTimestamp = formatTime(new Date(context.now.getTime() + expirationSeconds * 1000));
  return {
    ...request,
    metadata: {
      ...request.metadata,
      name: metadata.name,
      namespace: metadata.namespace,
      creationTimestamp: formatTime(context.now),
    },
    spec: { ...spec, audiences, expirationSeconds },
    status: { token, expirationTimestamp },
  };
}

function validateExpiration(seconds: number): FieldError[] {
  const field = 'spec.expirationSeconds';
  if (seconds < MIN_SECONDS) return [invalidValue(field, seconds, 'may not specify a duration less than 10 minutes')];
  return seconds > MAX_SECONDS
    ? [invalidValue(field, seconds, 'may not specify a duration larger than 2^32 seconds')]
    : [];
}

type Bound = Pick<TokenIssue, 'pod' | 'node' | 'secret'>;

/** What the token is to die with; it must be there and belong to the account. */
function boundTo(account: TokenIssue['serviceAccount'], { spec }: TokenRequest, { cache }: RequestContext): Bound {
  const { kind, apiVersion, name = '', uid } = spec.boundObjectRef ?? {};
  if (spec.boundObjectRef === undefined) return {};
  const { namespace } = account;
  if (apiVersion !== 'v1') throw badRequest(`cannot bind token to object of type ${apiVersion}, Kind=${kind}`);
  switch (kind) {
    case 'Pod': {
      const pod = cache.get(pods, { namespace, name });
      if (pod === undefined) throw notFound(pods, name);
      if (pod.spec.serviceAccountName !== account.name) {
        throw badRequest(
          `cannot bind token for serviceaccount "${account.name}" to pod running with different serviceaccount name.`,
        );
      }
      const nodeName = pod.spec.nodeName ?? '';
      const node = nodeName === '' ? undefined : cache.get(nodes, { name: nodeName });
      return { pod: identified(pod, uid), ...(node !== undefined && { node: identified(node) }) };
    }
    case 'Secret': {
      const secret = cache.get(secrets, { namespace, name });
      if (secret === undefined) throw notFound(secrets, name);
      return { secret: identified(secret, uid) };
    }
    case 'Node': {
      const node = cache.get(nodes, { name });
      if (node === undefined) throw notFound(nodes, name);
      return { node: identified(node, uid) };
    }
    default:
      throw badRequest(`cannot bind token to object of type ${apiVersion}, Kind=${kind}`);
  }
}

function identified({ metadata }: { metadata: ServiceAccount['metadata'] }, uid = ''): Identified {
  if (uid !== '' && uid !== metadata.uid) {
    const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    throw conflict({ group: '', plural: 'serviceaccounts/token' }, metadata.name, why);
  }
  return { name: metadata.name, uid: metadata.uid ?? '' };
}
