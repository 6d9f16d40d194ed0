import { expect, test } from 'vitest';
import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { createSigningRequest } from '#base/x509/csr.ts';
import { generateEcKey } from '#base/x509/keys.ts';
import { admissionRequest, refusalOf } from '#test/support/admission.ts';
import { certificateSubjectRestriction } from './certificate-subject-restriction.ts';

const CLIENT = 'kubernetes.io/kube-apiserver-client';
const refused = (why: string) => `certificatesigningrequests.certificates.k8s.io "jane" is forbidden: ${why}`;

function signing(signerName: string, part: Partial<CertificateSigningRequest> = {}): CertificateSigningRequest {
  return { metadata: { name: 'jane' }, spec: { signerName, request: '' }, ...part };
}

test.each([
  { name: 'superusers from the client signer', organizations: ['a', 'system:masters'], signerName: CLIENT, why: true },
  { name: 'nobody else', organizations: ['a'], signerName: CLIENT },
  { name: 'nobody from other signers', organizations: ['system:masters'], signerName: 'example.com/a' },
])('refuses certificates of $name', async ({ organizations, signerName, why }) => {
  const keys = await generateEcKey();
  const pem = createSigningRequest({ subject: { commonName: 'jane', organizations }, ...keys });
  const object = signing(signerName, { spec: { signerName, request: Buffer.from(pem).toString('base64') } });
  const request = admissionRequest(certificateSigningRequests, { object });
  const expected = why && refused(`use of ${CLIENT} signer with system:masters group is not allowed`);
  expect(await refusalOf(certificateSubjectRestriction(), request)).toBe(expected);
});
