import { emptyDirDriver } from './empty-dir.ts';
import { hostPathDriver } from './host-path.ts';
import { liveDrivers } from './live-drivers.ts';
import type { PayloadDeps } from './payload-sources.ts';
import type { VolumeDriver } from './volume-driver.ts';

/** Asked in order; the first that matches a volume sets it up. */
export function allVolumeDrivers(deps: PayloadDeps): VolumeDriver[] {
  return [emptyDirDriver(), hostPathDriver(), ...liveDrivers(deps)];
}
