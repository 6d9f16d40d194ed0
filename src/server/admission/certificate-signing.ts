import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { goQuote } from '#api/meta/go-text.ts';
import { type AdmissionDeps, type AdmissionPlugin, concerns } from './plugin.ts';
import { refusal } from './refusal.ts';
import { mayForSigner } from './signer-rights.ts';

/** Lets only those hand out a certificate, or say why there is none, who may sign for the request's signer. */
export function certificateSigning({ mayDo }: AdmissionDeps): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    handles: (request) => request.operation === 'UPDATE' && concerns(request, certificateSigningRequests, 'status'),
    async validate(request) {
      const { status } = request.object as CertificateSigningRequest;
      const old = request.oldObject as CertificateSigningRequest;
      const isSame =
        (status?.certificate ?? '') === (old.status?.certificate ?? '') &&
        deepEqual(status?.conditions ?? [], old.status?.conditions ?? []);
      const { signerName } = old.spec;
      if (isSame || (await mayForSigner(mayDo, request.user, { verb: 'sign', signerName }))) return;
      throw refusal(request, `user not permitted to sign requests with signerName ${goQuote(signerName)}`);
    },
  };
}
