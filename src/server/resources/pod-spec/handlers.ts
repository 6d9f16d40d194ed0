import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Probe,
  TCPSocketAction,
} from '#api/core/v1.ts';
import type { IntOrString } from '#api/meta/int-or-string.ts';
import { checkHttpHeaderName, checkPortName, checkPortNumber } from '#api/meta/names.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '#api/meta/validation.ts';
import { checkNumber, each, nonNegative, requireName, requireOneOf, requireText } from '../validate.ts';

interface Handler {
  readonly exec?: ExecAction | undefined;
  readonly httpGet?: HTTPGetAction | undefined;
  readonly tcpSocket?: TCPSocketAction | undefined;
  readonly grpc?: GRPCAction | undefined;
  readonly sleep?: { readonly seconds: number } | undefined;
}

export function validateProbes(
  {
    livenessProbe,
    readinessProbe,
    startupProbe,
  }: { livenessProbe?: Probe | undefined; readinessProbe?: Probe | undefined; startupProbe?: Probe | undefined },
  field: string,
): FieldError[] {
  const once = (probe: Probe | undefined, at: string) =>
    probe?.successThreshold !== undefined && probe.successThreshold !== 1
      ? [invalidValue(`${at}.successThreshold`, probe.successThreshold, 'must be 1')]
      : [];
  return [
    ...validateProbe(livenessProbe, `${field}.livenessProbe`),
    ...once(livenessProbe, `${field}.livenessProbe`),
    ...validateProbe(readinessProbe, `${field}.readinessProbe`),
    ...(readinessProbe?.terminationGracePeriodSeconds === undefined
      ? []
      : [
          invalidValue(
            `${field}.readinessProbe.terminationGracePeriodSeconds`,
            readinessProbe.terminationGracePeriodSeconds,
            'must not be set for readinessProbes',
          ),
        ]),
    ...validateProbe(startupProbe, `${field}.startupProbe`),
    ...once(startupProbe, `${field}.startupProbe`),
  ];
}

function validateProbe(probe: Probe | undefined, field: string): FieldError[] {
  if (probe === undefined) return [];
  const { terminationGracePeriodSeconds: grace } = probe;
  return [
    ...validateHandler(probe, field),
    ...(
      ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const
    ).flatMap((name) => nonNegative(probe[name], `${field}.${name}`)),
    ...(grace !== undefined && grace <= 0
      ? [invalidValue(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0')]
      : []),
  ];
}

export function validateLifecycle(lifecycle: Lifecycle | undefined, field: string): FieldError[] {
  const check = (name: 'postStart' | 'preStop') => {
    const handler: LifecycleHandler | undefined = lifecycle?.[name];
    return handler === undefined ? [] : validateHandler(handler, `${field}.${name}`);
  };
  return [...check('postStart'), ...check('preStop')];
}

function validateHandler(handler: Handler, field: string): FieldError[] {
  const given = (['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const).filter(
    (name) => handler[name] !== undefined,
  );
  if (given.length === 0) return [required(field, 'must specify a handler type')];
  return given.flatMap((name, index) =>
    index === 0
      ? validateAction(handler, `${field}.${name}`)
      : [forbiddenField(`${field}.${name}`, 'may not specify more than 1 handler type')],
  );
}

function validateAction({ exec, httpGet, tcpSocket, grpc, sleep }: Handler, field: string): FieldError[] {
  if (exec !== undefined) return (exec.command ?? []).length === 0 ? [required(`${field}.command`)] : [];
  if (httpGet !== undefined) return validateHttpGet(httpGet, field);
  if (tcpSocket !== undefined) return validatePort(tcpSocket.port, `${field}.port`);
  if (grpc !== undefined) return validatePort(grpc.port, `${field}.port`);
  return nonNegative(sleep?.seconds, `${field}.seconds`);
}

function validateHttpGet({ path, port, scheme, httpHeaders }: HTTPGetAction, field: string): FieldError[] {
  return [
    ...requireText(path, `${field}.path`),
    ...validatePort(port, `${field}.port`),
    ...requireOneOf(scheme, `${field}.scheme`, ['HTTP', 'HTTPS']),
    ...each(httpHeaders, `${field}.httpHeaders`, ({ name }, at) => requireName(name, at, checkHttpHeaderName)),
  ];
}

/** A port by number, or by the name a container gives it. */
export function validatePort(port: IntOrString | undefined, field: string): FieldError[] {
  return typeof port === 'string'
    ? requireName(port, field, checkPortName)
    : checkNumber(port ?? 0, field, checkPortNumber);
}
