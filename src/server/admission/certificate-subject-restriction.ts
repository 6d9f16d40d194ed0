import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { parseSigningRequest } from '#base/x509/csr.ts';
import { type AdmissionPlugin, concerns } from './plugin.ts';
import { refusal } from './refusal.ts';

const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';
const SUPERUSERS = 'system:masters';

/** Nobody gets a client certificate of the group that may do everything and cannot be revoked. */
export function certificateSubjectRestriction(): AdmissionPlugin {
  return {
    name: 'CertificateSubjectRestriction',
    handles: (request) => request.operation === 'CREATE' && concerns(request, certificateSigningRequests),
    validate(request) {
      const { spec } = request.object as CertificateSigningRequest;
      if (spec.signerName !== CLIENT_SIGNER) return;
      let organizations: readonly string[];
      try {
        ({ organizations } = parseSigningRequest(Buffer.from(spec.request, 'base64').toString()).subject);
      } catch (error) {
        throw refusal(request, `failed to parse CSR: ${(error as Error).message}`);
      }
      if (!organizations.includes(SUPERUSERS)) return;
      throw refusal(request, `use of ${CLIENT_SIGNER} signer with ${SUPERUSERS} group is not allowed`);
    },
  };
}
