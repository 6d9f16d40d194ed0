import { expect, test } from 'vitest';
import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { admissionDeps, admissionRequest, refusalOf } from '#test/support/admission.ts';
import { certificateApproval } from './certificate-approval.ts';

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
  { name: 'by the signer', rights: ['approve example.com/a'] },
  { name: "by the signer's domain", rights: ['approve example.com/*'] },
  { name: 'not by the right to sign', rights: ['sign example.com/a'], why: true },
  { name: 'not by the signer that is sent along', rights: ['approve other.com/b'], why: true },
])('may be approved: $name', async ({ rights, why }) => {
  const object = signing('other.com/b');
  const request = admissionRequest(certificateSigningRequests, {
    object,
    oldObject: signing('example.com/a'),
    subresource: 'approval',
  });
  const expected = why && refused('user not permitted to approve requests with signerName "example.com/a"');
  expect(await refusalOf(certificateApproval(depsWith(...rights)), request)).toBe(expected);
});
