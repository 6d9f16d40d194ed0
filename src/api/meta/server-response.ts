import { type ResourceName, type StatusError, type StatusReason, statusError } from './errors.ts';
import { goQuote } from './go-text.ts';
import { groupResource } from './resource-ref.ts';

/** An answer that came without a Status object, as a client sees it. */
export interface GenericResponse {
  readonly code: number;
  /** HTTP method or API verb. */
  readonly verb: string;
  readonly resource?: ResourceName | undefined;
  readonly name?: string | undefined;
  /** The body, as text. */
  readonly serverMessage?: string | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** `undefined` message: the server's own words are kept. */
const BY_CODE: Readonly<Record<number, readonly [StatusReason, string | undefined]>> = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'],
  401: ['Unauthorized', 'the server has asked for the client to provide credentials'],
  403: ['Forbidden', undefined],
  404: ['NotFound', 'the server could not find the requested resource'],
  405: ['MethodNotAllowed', 'the server does not allow this method on the requested resource'],
  406: ['NotAcceptable', undefined],
  409: ['Conflict', 'the server reported a conflict'],
  415: ['UnsupportedMediaType', undefined],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: ['TooManyRequests', 'the server has received too many requests and has asked us to try again later'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: [
    'Timeout',
    'the server was unable to return a response in the time allotted, but may still be processing the request',
  ],
};

/** The error for an answer that carried no Status: reason and words follow from the code. */
export function genericServerResponse(response: GenericResponse): StatusError {
  const { code, verb, resource, name = '', serverMessage = '', retryAfterSeconds = 0 } = response;
  const [reason, text] = describe(response);
  const target =
    resource === undefined ? '' : ` (${verb.toLowerCase()} ${groupResource(resource)}${name && ` ${name}`})`;
  return statusError({
    code,
    reason,
    message: `${text}${target}`,
    details: {
      ...(name === '' ? {} : { name }),
      ...(resource === undefined || resource.group === '' ? {} : { group: resource.group }),
      ...(resource === undefined ? {} : { kind: resource.plural }),
      causes: [{ reason: 'UnexpectedServerResponse', message: serverMessage }],
      ...(retryAfterSeconds === 0 ? {} : { retryAfterSeconds }),
    },
  });
}

function describe({ code, verb, serverMessage = '' }: GenericResponse): [StatusReason, string] {
  if (code === 409 && verb.toUpperCase() === 'POST') return ['AlreadyExists', 'the server reported a conflict'];
  if (code === 406 && (serverMessage === '' || serverMessage === 'unknown')) {
    return ['NotAcceptable', 'the server was unable to respond with a content type that the client supports'];
  }
  const known = BY_CODE[code];
  if (known !== undefined) return [known[0], known[1] ?? serverMessage];
  if (code >= 500) {
    const text = `an error on the server (${goQuote(serverMessage)}) has prevented the request from succeeding`;
    return ['InternalError', text];
  }
  return ['', `the server responded with the status code ${code} but did not return more information`];
}
