import { fill, fillZero } from '../schema/fill.ts';
import type {
  Container,
  EphemeralContainer,
  HTTPGetAction,
  LifecycleHandler,
  PersistentVolumeClaimSpec,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ProjectedVolumeSource,
  Volume,
} from './v1.ts';

/** 0644: files of config maps, secrets and their like are readable by everyone in the container. */
const FILE_MODE = 0o644;

/** What a pod gets beyond its template's defaults. Modifies. */
export function defaultPod(pod: Pod): void {
  pod.spec ??= { containers: [] };
  // What admission looks at before the rules miss them.
  pod.spec.containers ??= [];
  const { spec } = pod;
  defaultPodSpec(spec);
  fill(spec, { enableServiceLinks: true });
  for (const container of containersOf(spec)) {
    defaultRequests(container);
    if (spec.hostNetwork === true) {
      for (const port of container.ports ?? []) fillZero(port, { hostPort: port.containerPort });
    }
  }
}

/** Defaults of a workload's pod template. Modifies. */
export function defaultPodTemplate(template: PodTemplateSpec): void {
  if (template.spec !== undefined) defaultPodSpec(template.spec);
}

/** Defaults that pods and templates share. Modifies. */
export function defaultPodSpec(spec: PodSpec): void {
  fill(spec, {
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: {},
    terminationGracePeriodSeconds: 30,
  });
  defaultServiceAccount(spec);
  for (const container of containersOf(spec)) defaultContainer(container);
  for (const container of spec.ephemeralContainers ?? []) defaultContainer(container);
  for (const volume of spec.volumes ?? []) defaultVolume(volume);
}

function containersOf(spec: PodSpec): Container[] {
  const { containers = [], initContainers } = spec;
  return initContainers === undefined || initContainers === null ? containers : [...containers, ...initContainers];
}

/** The deprecated name is always the same as the current one. */
function defaultServiceAccount(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec.serviceAccount;
  if (name) {
    spec.serviceAccountName = name;
    spec.serviceAccount = name;
  }
}

function defaultContainer(container: Container | EphemeralContainer): void {
  fill(container, {
    imagePullPolicy: hasLatestTag(container.image ?? '') ? 'Always' : 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  });
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) {
    if (probe) defaultProbe(probe);
  }
  defaultHandler(container.lifecycle?.postStart);
  defaultHandler(container.lifecycle?.preStop);
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) fill(valueFrom.fieldRef, { apiVersion: 'v1' });
  }
}

/** An image without a tag means `latest`; one with a digest means just that digest. */
function hasLatestTag(image: string): boolean {
  if (image.includes('@')) return false;
  const last = image.slice(image.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  return colon < 0 || last.slice(colon + 1) === 'latest';
}

function defaultProbe(probe: Probe): void {
  fillZero(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 });
  if (probe.httpGet) defaultHttpGet(probe.httpGet);
  if (probe.grpc) fill(probe.grpc, { service: '' });
}

function defaultHandler(handler: LifecycleHandler | undefined): void {
  if (handler?.httpGet) defaultHttpGet(handler.httpGet);
}

function defaultHttpGet(action: HTTPGetAction): void {
  fill(action, { path: '/', scheme: 'HTTP' });
}

/** A limit without a request is also the request. */
function defaultRequests({ resources }: Container): void {
  if (!resources?.limits) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}

function defaultVolume(volume: Volume): void {
  // As Go has it; a rule refuses it later, but admission reads it before.
  volume.name ??= '';
  if (Object.keys(volume).every((key) => key === 'name')) volume.emptyDir = {};
  if (volume.secret) fill(volume.secret, { defaultMode: FILE_MODE });
  if (volume.configMap) fill(volume.configMap, { defaultMode: FILE_MODE });
  if (volume.projected) defaultProjected(volume.projected);
  if (volume.hostPath && volume.hostPath.type === undefined) volume.hostPath.type = '';
  if (volume.downwardAPI) {
    fill(volume.downwardAPI, { defaultMode: FILE_MODE });
    for (const { fieldRef } of volume.downwardAPI.items ?? []) if (fieldRef) fill(fieldRef, { apiVersion: 'v1' });
  }
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
  if (claim) defaultClaimSpec(claim);
}

function defaultProjected(projected: ProjectedVolumeSource): void {
  fill(projected, { defaultMode: FILE_MODE });
  for (const { serviceAccountToken, downwardAPI } of projected.sources ?? []) {
    if (serviceAccountToken) fill(serviceAccountToken, { expirationSeconds: 3600 });
    for (const { fieldRef } of downwardAPI?.items ?? []) if (fieldRef) fill(fieldRef, { apiVersion: 'v1' });
  }
}

/** Defaults of a claim, wherever it stands. Modifies. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  fill(spec, { volumeMode: 'Filesystem' });
}
