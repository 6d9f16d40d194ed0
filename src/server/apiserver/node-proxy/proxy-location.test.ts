import { expect, test } from 'vitest';
import { parseProxyName } from './proxy-location.ts';

test.each([
  { text: 'web', name: { scheme: 'http', name: 'web', port: '' } },
  { text: 'web:http', name: { scheme: 'http', name: 'web', port: 'http' } },
  { text: 'https:web:443', name: { scheme: 'https', name: 'web', port: '443' } },
  { text: ':web:80', name: { scheme: 'http', name: 'web', port: '80' } },
  { text: 'https:web:', name: { scheme: 'https', name: 'web', port: '' } },
])('$text', ({ text, name }) => expect(parseProxyName(text)).toEqual(name));

test.each(['ftp:web:1', 'a:b:c:d'])('refuses %s', (text) => {
  expect(() => parseProxyName(text)).toThrow(`invalid proxy request "${text}"`);
});
