import { expect, test } from 'vitest';
import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { admissionDeps, admissionRequest, refusalOf } from '#test/support/admission.ts';
import { certificateSigning } from './certificate-signing.ts';

const refused = (why: string) => `certificatesigningrequests.certificates.k8s.io "jane" is forbidden: ${why}`;

function signing(signerName: string, part: Partial<CertificateSigningRequest> = {}): CertificateSigningRequest {
  return { metadata: { name: 'jane' }, spec: { signerName, request: '' }, ...part };
}

/** Rights on signers, as `verb name`. */
function depsWith(...rights: string[]) {
  return admissionDeps({
    mayDo: (_user, { verb, group, resource, name }) =>
      group === 'certificates.k8s.io' && resource === 'signers' && rights.includes(`${verb} ${name}`),
  });
}

test.each([
  { name: 'needs the right', status: { certificate: 'Y2VydA==' }, rights: [], why: true },
  { name: 'is allowed with it', status: { certificate: 'Y2VydA==' }, rights: ['sign example.com/a'] },
  {
    name: 'and saying why not needs it too',
    status: { conditions: [{ type: 'Failed', status: 'True' }] },
    rights: [],
    why: true,
  },
  { name: 'is not what an unchanged status does', status: {}, rights: [] },
])('handing out a certificate $name', async ({ status, rights, why }) => {
  const request = admissionRequest(certificateSigningRequests, {
    object: signing('example.com/a', { status }),
    oldObject: signing('example.com/a'),
    subresource: 'status',
  });
  const expected = why && refused('user not permitted to sign requests with signerName "example.com/a"');
  expect(await refusalOf(certificateSigning(depsWith(...rights)), request)).toBe(expected);
});
