import { readdir, readFile } from 'node:fs/promises';

/**
 * Ends processes that were started with a path below `folder`, such as the shims of containers, which outlive their daemon
 * and their container's cgroup. The folder must be the caller's own.
 */
export async function endProcessesOf(folder: string): Promise<void> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0 && pid !== process.pid);
  for (const pid of pids) {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!words.includes(`${folder}/`)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  }
}
