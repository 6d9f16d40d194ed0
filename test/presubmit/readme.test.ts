import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allCommands } from '#cli/all.ts';
import { commandHelp } from '#cli/cli.ts';

const root = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
const installer = read('install.sh');

const flagsIn = (text: string) => [...text.matchAll(/(?<![\w-])--([a-z][\w-]*)/g)].map(([, name = '']) => name);
const shown = new Map(
  allCommands.filter(({ hidden }) => hidden !== true).map((command) => [command.name, command] as const),
);
/** Flags by command, as its help shows them, and those that are understood without being shown. */
const flagsOf = (name: string): Set<string> => {
  const command = shown.get(name);
  if (command === undefined) return new Set();
  const quiet = Object.keys(command.options).filter((option) => option !== 'warm-up');
  return new Set([...flagsIn(commandHelp(command)), ...quiet, 'help']);
};
const INSTALLER = new Set([...flagsOf('server'), ...flagsOf('agent'), 'uninstall']);
const ANY = new Set([...[...shown.keys()].flatMap((name) => [...flagsOf(name)]), ...INSTALLER]);

/** What stands in code: lines of fenced blocks, and spans within text. */
function codeIn(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^( *)```.*\n([\s\S]*?)^\1```/gm)].flatMap(([, , body = '']) =>
    body.split('\n'),
  );
  const indented = [...markdown.matchAll(/^ {4,}(\S.*)$/gm)].map(([, line = '']) => line);
  const spans = [...markdown.replace(/^( *)```[\s\S]*?^\1```/gm, '').matchAll(/`([^`\n]+)`/g)].map(
    ([, span = '']) => span,
  );
  return [...blocks, ...indented, ...spans].map((line) =>
    line
      .replace(/^\s*[$#] /, '')
      .replace(/ {2,}# .*$/, '')
      .trim(),
  );
}

function unknownFlags(code: string): string[] {
  const [, words = ''] = /(?:^|[\s/])skiff ((?:[a-z]+ ?)+)/.exec(code) ?? [];
  if (words !== '') {
    const parts = words.trim().split(' ');
    const name = [parts.slice(0, 2).join(' '), parts[0] ?? ''].find((candidate) => shown.has(candidate));
    if (name === undefined) return [`"skiff ${words.trim()}" is no command`];
    const known = flagsOf(name);
    return flagsIn(code).flatMap((flag) => (known.has(flag) ? [] : [`"skiff ${name}" has no flag --${flag}`]));
  }
  if (/install\.sh|\bsh -s -/.test(code)) {
    const after = code.slice(code.search(/install\.sh|\bsh -s -/));
    return flagsIn(after).flatMap((flag) => (INSTALLER.has(flag) ? [] : [`install.sh has no flag --${flag}`]));
  }
  if (!code.startsWith('--')) return [];
  return flagsIn(code).flatMap((flag) => (ANY.has(flag) ? [] : [`nothing has a flag --${flag}`]));
}

function unknownScripts(code: string): string[] {
  const [, name = code.startsWith('npm test') ? 'test' : '', rest = ''] =
    /\bnpm run (?:--silent )?([\w:]+)(?: -- (.*))?/.exec(code) ?? [];
  if (name === '') return [];
  const script = scripts[name];
  if (script === undefined) return [`package.json has no script "${name}"`];
  const [file] = /\b(test|build)\/[\w/]+\.ts/.exec(script) ?? [];
  const text = file === undefined ? script : read(file);
  const flags = flagsIn(rest).filter((flag) => !text.includes(flag));
  const names = rest.split(' ').filter((word) => /^[a-z][\w-]*$/.test(word));
  const folders = name === 'test:e2e' ? names.filter((scenario) => !existsSync(join(root, 'test/e2e', scenario))) : [];
  return [
    ...flags.map((flag) => `"npm run ${name}" has no flag --${flag}`),
    ...folders.map((scenario) => `there is no scenario "${scenario}"`),
  ];
}

function unknownVariables(code: string): string[] {
  const sources = globSync(['src/cli/*.ts', 'src/main.ts', 'test/**/*.ts'], { cwd: root }).map(read).join('\n');
  const named = [...code.matchAll(/\b(?:INSTALL_)?SKIFF_[A-Z_]+\b/g)].map(([name]) => name);
  return named.flatMap((name) => {
    const option = name
      .replace(/^SKIFF_/, '')
      .toLowerCase()
      .replaceAll('_', '-');
    const isKnown =
      installer.includes(name) || ANY.has(option) || (sources.includes(`'${name}'`) && !name.startsWith('I'));
    return isKnown ? [] : [`nothing reads the variable ${name}`];
  });
}

function missingFiles(markdown: string, code: readonly string[]): string[] {
  const links = [...markdown.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = '']) => target);
  const local = links.filter((target) => !/^[a-z]+:/.test(target));
  const paths = code.flatMap((line) =>
    [
      ...line.matchAll(/(?<![\w/.-])(?:\.\/)?((?:src|test|build|vagrant|\.ci)\/[\w./-]*[\w/]|[\w-]+\.sh)(?![\w*{<])/g),
    ].map(([, path = '']) => path),
  );
  return [...local, ...paths].filter((path) => !existsSync(join(root, path))).map((path) => `there is no file ${path}`);
}

function problemsOf(markdown: string): string[] {
  const code = codeIn(markdown);
  const found = code.flatMap((line) => [...unknownFlags(line), ...unknownScripts(line), ...unknownVariables(line)]);
  return [...new Set([...found, ...missingFiles(markdown, code)])];
}

test.each([
  {
    name: 'a flag of a command',
    text: 'See `skiff server --data-dri X`.',
    problems: ['"skiff server" has no flag --data-dri'],
  },
  {
    name: 'a flag of the build only',
    text: '    skiff server --warm-up',
    problems: ['"skiff server" has no flag --warm-up'],
  },
  { name: 'a command', text: '```sh\nsudo skiff tokens list\n```', problems: ['"skiff tokens list" is no command'] },
  { name: 'a flag of the installer', text: '    ./install.sh --bogus', problems: ['install.sh has no flag --bogus'] },
  { name: 'a flag by itself', text: 'With `--bogus` on.', problems: ['nothing has a flag --bogus'] },
  { name: 'a script', text: '    npm run nothing', problems: ['package.json has no script "nothing"'] },
  {
    name: 'a scenario',
    text: '`npm run test:e2e -- no-such`',
    problems: ['there is no scenario "no-such"'],
  },
  { name: 'a variable', text: '`INSTALL_SKIFF_NOPE=1`', problems: ['nothing reads the variable INSTALL_SKIFF_NOPE'] },
  {
    name: 'files',
    text: '[there](docs/no.md) and `src/nowhere/`',
    problems: ['there is no file docs/no.md', 'there is no file src/nowhere/'],
  },
])('$name that does not exist is found', ({ text, problems }) => {
  expect(problemsOf(text)).toEqual(problems);
});

test('what exists is left alone, and so are the flags of other programs', () => {
  const text = `
Type \`sudo ./install.sh --write-kubeconfig-mode=644\`, later \`--uninstall\`; \`INSTALL_SKIFF_BINARY\`, \`SKIFF_NODE_IP\`.

\`\`\`sh
skiff agent --server https://10.0.0.1:6443 --token SECRET    # --bogus in a remark
skiff token create --ttl 1h
kubectl get pods --watch
npm test
npm run test:e2e -- SCENARIO
\`\`\`
See [the license](LICENSE), \`src/cli/\` and \`test/lab/lab.ts\`; [elsewhere](https://example.com/x).
`;
  expect(problemsOf(text)).toEqual([]);
});

test.each(['README.md', 'CONTRIBUTING.md'].filter((file) => existsSync(join(root, file))))(
  '%s names only what exists',
  (file) => {
    expect(problemsOf(read(file))).toEqual([]);
  },
);
