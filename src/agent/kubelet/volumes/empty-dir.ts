import { chmod, chown, mkdir } from 'node:fs/promises';
import { parseQuantity, wholeValue } from '#api/meta/quantity.ts';
import { mountPointsUnder, mountTmpfs, unmountAll } from './mount-table.ts';
import type { VolumeDriver } from './volume-driver.ts';

/** A folder, or a piece of memory, that lives as long as the pod. */
export function emptyDirDriver(): VolumeDriver {
  return {
    name: 'kubernetes.io~empty-dir',
    medium: 'disk',
    isLive: false,
    matches: ({ emptyDir }) => emptyDir !== undefined,
    async setUp({ pod, volume: { emptyDir }, path }) {
      const { medium = '', sizeLimit } = emptyDir ?? {};
      if (medium !== '' && medium !== 'Memory') throw new Error(`medium "${medium}" is not supported on this node`);
      const isNew = (await mkdir(path, { recursive: true })) !== undefined;
      if (medium === 'Memory' && (await mountPointsUnder(path)).length === 0) {
        const sizeBytes = sizeLimit === undefined ? undefined : wholeValue(parseQuantity(sizeLimit));
        await mountTmpfs(path, { sizeBytes, mode: '0777' });
      } else if (!isNew) {
        return { hostPath: path };
      }
      const { fsGroup } = pod.spec.securityContext ?? {};
      if (fsGroup !== undefined) await chown(path, 0, fsGroup);
      // The pod's group is inherited by what containers make in it.
      await chmod(path, fsGroup === undefined ? 0o777 : 0o2777);
      return { hostPath: path };
    },
    tearDown: (path) => unmountAll(path),
  };
}
