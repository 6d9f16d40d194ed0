import { defineCommand } from './command.ts';
import { VERSION } from './product-version.ts';

/** `skiff version`: the program's and the API's version. */
export const version = defineCommand({
  name: 'version',
  summary: 'Print the version',
  options: {},
  async run({ stdout }) {
    stdout.write(`skiff ${VERSION.skiff} (Kubernetes ${VERSION.kubernetes}, Node ${process.version})\n`);
  },
});
