import { describe, expect, test } from 'vitest';
import { describeOptions, option, parseOptions } from './options.ts';

const specs = {
  'data-dir': option.string({ help: 'where state is kept', value: 'DIR', default: '/var/lib/skiff' }),
  'tls-san': option.strings({ help: 'more names', value: 'NAME' }),
  'https-port': option.integer({ help: 'port', value: 'PORT', default: 6443, min: 1, max: 65535 }),
  debug: option.boolean({ help: 'more log' }),
  level: option.choice({ help: 'log level', value: 'LEVEL', default: 'info', choices: ['info', 'warn'] }),
};

describe('parseOptions', () => {
  test.each([
    { name: 'gives defaults', argv: [], expected: { 'https-port': 6443, debug: false, 'tls-san': [] } },
    { name: 'reads --flag value', argv: ['--https-port', '7443'], expected: { 'https-port': 7443 } },
    { name: 'reads --flag=value', argv: ['--data-dir=/x'], expected: { 'data-dir': '/x' } },
    { name: 'reads a bare boolean', argv: ['--debug'], expected: { debug: true } },
    { name: 'lets a boolean be switched off', argv: ['--debug=false'], expected: { debug: false } },
    { name: 'collects lists', argv: ['--tls-san=a,b', '--tls-san', 'c'], expected: { 'tls-san': ['a', 'b', 'c'] } },
  ])('$name', ({ argv, expected }) => {
    expect(parseOptions(specs, { argv }).values).toMatchObject(expected);
  });

  test('prefers flags to environment to files', () => {
    const files = [
      { path: 'a.yaml', content: { level: 'warn', 'https-port': 1, 'tls-san': ['x'] } },
      { path: 'b.yaml', content: { 'tls-san+': ['y'] } },
    ];
    const { values } = parseOptions(specs, {
      argv: ['--https-port=3'],
      env: { SKIFF_HTTPS_PORT: '2', SKIFF_DEBUG: '1' },
      envPrefix: 'SKIFF_',
      files,
    });
    expect(values).toMatchObject({ level: 'warn', 'https-port': 3, debug: true, 'tls-san': ['x', 'y'] });
  });

  test('reports every problem at once, with its place and the cure', () => {
    const files = [{ path: 'c.yaml', content: { 'data-dri': '/x', debug: 'perhaps' } }];
    expect(() => parseOptions(specs, { argv: ['--https-port=99999', '--leval=warn', '--data-dir'], files })).toThrow(
      [
        'c.yaml: unknown key "data-dri"; did you mean "data-dir"?',
        'c.yaml: key "debug": must be true or false (got "perhaps")',
        'Unknown flag "--leval"; did you mean "--level"?',
        'Flag "--data-dir" needs a value',
        'Flag "--https-port": must be at most 65535 (got "99999")',
      ].join('\n'),
    );
  });

  test('keeps what follows --', () => {
    expect(parseOptions(specs, { argv: ['a', '--', '--b'] }).rest).toEqual(['a', '--b']);
  });
});

test('describeOptions shows names, values and defaults', () => {
  expect(describeOptions(specs)).toContain('--https-port PORT');
  expect(describeOptions(specs)).toContain('port (default 6443)');
});
