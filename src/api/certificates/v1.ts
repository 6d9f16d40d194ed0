import type { CertificateSigningRequest } from '../generated/certificates-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/certificates-v1.ts';

export const certificateSigningRequests: ResourceRef<CertificateSigningRequest> = {
  group: 'certificates.k8s.io',
  version: 'v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  namespaced: false,
};
