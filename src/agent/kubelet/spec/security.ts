import type { ContainerSecurity, ImageInfo } from '#agent/runtime/container-runtime.ts';
import type { Container, Pod, SeccompProfile, SecurityContext } from '#api/core/v1.ts';
import { PodError } from '../pod-hook.ts';
import { podIdentity } from '../pod-names.ts';

export interface SecurityOptions {
  readonly image: Pick<ImageInfo, 'user'>;
  /** Text of the profile a `Localhost` seccomp profile names. */
  readonly seccompProfile: string | undefined;
}

/** The container's rights: its own security context over the pod's. Throws PodError where it may not start. */
export function containerSecurity(pod: Pod, container: Container, options: SecurityOptions): ContainerSecurity {
  const own: SecurityContext = container.securityContext ?? {};
  const podContext = pod.spec.securityContext ?? {};
  requireNonRoot(pod, container, options.image);
  const user = userOf(pod, container, options.image);
  const { fsGroup, supplementalGroups = [] } = podContext;
  const groups = [...new Set([...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])])];
  const seccomp = seccompOf(pod, container, options);
  const appArmor = own.appArmorProfile ?? podContext.appArmorProfile;
  return {
    ...(user === undefined ? {} : { user }),
    ...(groups.length > 0 ? { supplementalGroups: groups } : {}),
    ...(own.privileged ? { privileged: true } : {}),
    ...(own.capabilities?.add?.length ? { addCapabilities: own.capabilities.add } : {}),
    ...(own.capabilities?.drop?.length ? { dropCapabilities: own.capabilities.drop } : {}),
    ...(own.allowPrivilegeEscalation === false ? { noNewPrivileges: true } : {}),
    ...(own.readOnlyRootFilesystem ? { readOnlyRoot: true } : {}),
    ...(seccomp === undefined ? {} : { seccomp }),
    ...(appArmor?.type === 'Unconfined' ? { apparmor: 'unconfined' } : {}),
    ...(appArmor?.type === 'Localhost' && appArmor.localhostProfile ? { apparmor: appArmor.localhostProfile } : {}),
    ...(own.procMount === 'Unmasked' ? { unmaskedProc: true } : {}),
  };
}

function userOf(pod: Pod, container: Container, image: Pick<ImageInfo, 'user'>): string | undefined {
  const podContext = pod.spec.securityContext ?? {};
  const uid = container.securityContext?.runAsUser ?? podContext.runAsUser;
  const gid = container.securityContext?.runAsGroup ?? podContext.runAsGroup;
  if (gid === undefined) return uid === undefined ? undefined : String(uid);
  const [imageUser = ''] = image.user.split(':');
  return `${uid ?? (imageUser === '' ? 0 : imageUser)}:${gid}`;
}

function requireNonRoot(pod: Pod, container: Container, image: Pick<ImageInfo, 'user'>): void {
  const podContext = pod.spec.securityContext ?? {};
  const isWanted = container.securityContext?.runAsNonRoot ?? podContext.runAsNonRoot;
  if (isWanted !== true) return;
  const { name, namespace, uid: podUid } = podIdentity(pod);
  const where = `(pod: "${name}_${namespace}(${podUid})", container: ${container.name})`;
  const uid = container.securityContext?.runAsUser ?? podContext.runAsUser;
  if (uid === 0) throw refusal(`container's runAsUser breaks non-root policy ${where}`);
  if (uid !== undefined) return;
  const [imageUser = ''] = image.user.split(':');
  if (imageUser === '' || imageUser === '0') {
    throw refusal(`container has runAsNonRoot and image will run as root ${where}`);
  }
  if (!/^\d+$/.test(imageUser)) {
    const problem = `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root`;
    throw refusal(`${problem} ${where}`);
  }
}

const refusal = (message: string) => new PodError('CreateContainerConfigError', message);

/** The profile that counts for a container. */
export function seccompProfileOf(pod: Pod, container: Container): SeccompProfile | undefined {
  return container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile;
}

function seccompOf(pod: Pod, container: Container, { seccompProfile }: SecurityOptions): string | undefined {
  const profile = seccompProfileOf(pod, container);
  if (profile?.type === 'Localhost') return seccompProfile;
  // Upstream's default: without a word in the pod there is no profile.
  return profile?.type === 'RuntimeDefault' ? undefined : 'unconfined';
}
