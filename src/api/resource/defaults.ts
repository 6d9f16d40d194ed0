import { fill, fillZero } from '../schema/fill.ts';
import type {
  DeviceSubRequest,
  ExactDeviceRequest,
  ResourceClaim,
  ResourceClaimSpec,
  ResourceClaimTemplate,
} from './v1.ts';

/** Modifies. */
export function defaultResourceClaim({ spec }: ResourceClaim): void {
  if (spec !== undefined) defaultClaim(spec);
}

/** Modifies. */
export function defaultResourceClaimTemplate({ spec }: ResourceClaimTemplate): void {
  if (spec?.spec !== undefined) defaultClaim(spec.spec);
}

function defaultClaim({ devices }: ResourceClaimSpec): void {
  for (const { exactly, firstAvailable } of devices?.requests ?? []) {
    if (exactly) defaultRequest(exactly);
    for (const request of firstAvailable ?? []) defaultRequest(request);
  }
}

function defaultRequest(request: ExactDeviceRequest | DeviceSubRequest): void {
  fill(request, { allocationMode: 'ExactCount' });
  if (request.allocationMode === 'ExactCount') fillZero(request, { count: 1 });
}
