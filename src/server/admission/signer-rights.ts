import type { UserInfo } from '#api/admission/request.ts';
import type { AdmissionDeps } from './plugin.ts';

/** Whether a user may `approve` or `sign` for a signer, by its own name or by that of its whole domain. */
export async function mayForSigner(
  mayDo: AdmissionDeps['mayDo'],
  user: UserInfo,
  { verb, signerName }: { verb: 'approve' | 'sign'; signerName: string },
): Promise<boolean> {
  const attributes = { verb, group: 'certificates.k8s.io', version: '*', resource: 'signers' };
  if (await mayDo(user, { ...attributes, name: signerName })) return true;
  const [domain = ''] = signerName.split('/');
  return mayDo(user, { ...attributes, name: `${domain}/*` });
}
