import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { goQuote } from '#api/meta/go-text.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';
import { refusal } from './refusal.ts';
import { mayForSigner } from './signer-rights.ts';

/** Lets only those approve a certificate request who may do so for its signer. */
export function certificateApproval({ mayDo }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    handles: (request) => request.operation === 'UPDATE' && concerns(request, certificateSigningRequests, 'approval'),
    async validate(request) {
      // The stored request counts: the sent one could name a signer that the user has rights for.
      const { signerName } = (request.oldObject as CertificateSigningRequest).spec;
      if (await mayForSigner(mayDo, request.user, { verb: 'approve', signerName })) return;
      throw refusal(request, `user not permitted to approve requests with signerName ${goQuote(signerName)}`);
    },
  };
}
