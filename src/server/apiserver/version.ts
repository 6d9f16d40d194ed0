import process from 'node:process';

/** The level of the API that is served. */
const MAJOR = '1';
const MINOR = '36';

/** What `/version` answers: the API's level with skiff's own version behind it. */
export function versionInfo(version: string): Readonly<Record<string, string>> & { readonly gitVersion: string } {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  return {
    major: MAJOR,
    minor: MINOR,
    emulationMajor: MAJOR,
    emulationMinor: MINOR,
    minCompatibilityMajor: MAJOR,
    minCompatibilityMinor: String(Number(MINOR) - 1),
    gitVersion: `v${MAJOR}.${MINOR}.0+skiff${version}`,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'none',
    compiler: `node ${process.version}`,
    platform: `linux/${architecture}`,
  };
}
