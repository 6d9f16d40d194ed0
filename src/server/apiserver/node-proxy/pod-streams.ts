import type { Pod } from '#api/core/v1.ts';
import { badRequest } from '#api/meta/errors.ts';

/** A request to a kubelet. */
export interface KubeletRequest {
  readonly nodeName: string;
  /** With its query. */
  readonly path: string;
}

const LOG_OPTIONS = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
  'pretty',
];
const STREAM_OPTIONS: readonly (readonly [string, string])[] = [
  ['stdin', 'input'],
  ['stdout', 'output'],
  ['stderr', 'error'],
  ['tty', 'tty'],
];

/** Where the logs of a container are; undefined when no node has the pod yet. Throws 400 for an unknown container. */
export function logRequest(pod: Pod, query: URLSearchParams): KubeletRequest | undefined {
  const container = chooseContainer(pod, query.get('container') ?? '');
  const { nodeName = '' } = pod.spec;
  if (nodeName === '') return undefined;
  const options = new URLSearchParams();
  for (const name of LOG_OPTIONS) {
    const value = query.get(name);
    if (value !== null) options.set(name, value);
  }
  return { nodeName, path: pathOf('containerLogs', pod, container, options) };
}

/** Where a stream into a pod is opened: exec, attach or portforward. Throws 400 when there is nothing to open. */
export function streamRequest(pod: Pod, subresource: string, query: URLSearchParams): KubeletRequest {
  const { nodeName = '' } = pod.spec;
  const isForward = subresource === 'portforward';
  const container = isForward ? undefined : chooseContainer(pod, query.get('container') ?? '');
  if (nodeName === '') throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  const options = new URLSearchParams();
  if (isForward) {
    for (const port of query.getAll('ports')) options.append('port', port);
    return { nodeName, path: pathOf('portForward', pod, undefined, options) };
  }
  for (const [given, wanted] of STREAM_OPTIONS) {
    const value = query.get(given);
    if (value === 'true' || value === '1') options.set(wanted, '1');
  }
  for (const word of query.getAll('command')) options.append('command', word);
  return { nodeName, path: pathOf(subresource, pod, container, options) };
}

function pathOf(verb: string, { metadata }: Pod, container: string | undefined, options: URLSearchParams): string {
  const parts = [verb, metadata.namespace ?? '', metadata.name ?? '', ...(container === undefined ? [] : [container])];
  const query = options.toString();
  return `/${parts.map(encodeURIComponent).join('/')}${query === '' ? '' : `?${query}`}`;
}

/** The container asked for, or the only one. */
function chooseContainer({ metadata, spec }: Pod, asked: string): string {
  const names = spec.containers.map(({ name }) => name);
  const initNames = (spec.initContainers ?? []).map(({ name }) => name);
  const ephemeralNames = (spec.ephemeralContainers ?? []).map(({ name }) => name);
  if (asked !== '') {
    if ([...names, ...initNames, ...ephemeralNames].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`);
  }
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  const choices = [
    `a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(' ')}]`,
    ...(initNames.length > 0 ? [`one of the init containers: [${initNames.join(' ')}]`] : []),
    ...(ephemeralNames.length > 0 ? [`one of the ephemeral containers: [${ephemeralNames.join(' ')}]`] : []),
  ];
  throw badRequest(choices.join(' or '));
}
