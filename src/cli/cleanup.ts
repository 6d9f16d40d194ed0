import { nodeOptions } from '#agent/config.ts';
import { removeTraces } from '#agent/traces.ts';
import { createLogger } from '#base/logger.ts';
import { option } from '#base/options.ts';
import { defineCommand } from './command.ts';
import { knownNodeName } from './data-folder.ts';
import { logOutput } from './log-output.ts';

/** `skiff cleanup`: takes everything off this machine that running pods made. Data stays; the installer removes it. */
export const cleanup = defineCommand({
  name: 'cleanup',
  summary: 'Remove the containers, links and packet filter rules of pods from this machine',
  configurable: true,
  options: {
    'node-name': nodeOptions['node-name'],
    'docker-socket': nodeOptions['docker-socket'],
    'run-dir': nodeOptions['run-dir'],
    'log-dir': nodeOptions['log-dir'],
    'data-dir': option.string({ help: 'where all state is kept', value: 'DIR', default: '/var/lib/skiff' }),
  },
  async run({ options, stdout }) {
    const problems = await removeTraces(
      {
        dockerSocket: options['docker-socket'].replace(/^unix:\/\//, ''),
        dataDir: options['data-dir'],
        runDir: options['run-dir'],
        logDir: options['log-dir'],
        nodeName: options['node-name'] ?? knownNodeName(options['data-dir']),
      },
      createLogger({ level: 'warn', destination: logOutput() }),
      (what) => stdout.write(`${what}\n`),
    );
    if (problems.length > 0) throw new Error(`Not everything could be removed:\n${problems.join('\n')}`);
  },
});
