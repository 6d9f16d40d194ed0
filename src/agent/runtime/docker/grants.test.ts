import type { ContainerCreateOptions, HostConfig } from 'dockerode';
import { expect, test } from 'vitest';
import { boundingCapabilities, GRANTS, type Grant } from './grants.ts';

const HOST = ['CAP_CHOWN', 'CAP_NET_ADMIN', 'CAP_BPF'];

function withdraw(grant: Grant, hostConfig: HostConfig) {
  const body: ContainerCreateOptions = { Image: 'x', HostConfig: hostConfig };
  return GRANTS.find((rule) => rule.grant === grant)?.withdraw(body, HOST);
}

test.each<{ name: string; grant: Grant; asked: HostConfig }>([
  { name: 'no privilege', grant: 'privileged', asked: { Privileged: false } },
  { name: 'a score that anyone may have', grant: 'oomScoreAdj', asked: { OomScoreAdj: 1000 } },
  { name: 'no capabilities', grant: 'capabilities', asked: {} },
  { name: 'only capabilities of the host', grant: 'capabilities', asked: { CapAdd: ['NET_ADMIN', 'cap_chown'] } },
])('$name: there is nothing to withdraw', ({ grant, asked }) => {
  expect(withdraw(grant, asked)).toBeUndefined();
});

test('privileged becomes everything the host has, as far as every Docker knows it', () => {
  const degraded = withdraw('privileged', { Privileged: true, CapDrop: ['ALL'], Memory: 5 });
  expect(degraded?.body.HostConfig).toMatchObject({
    Privileged: false,
    CapAdd: ['CAP_CHOWN', 'CAP_NET_ADMIN'],
    CapDrop: [],
    Memory: 5,
  });
  expect(degraded?.warning).toMatch(/does not allow privileged containers/);
});

test.each([
  {
    asked: ['NET_ADMIN', 'SYS_RESOURCE', 'CAP_SYS_TIME'],
    left: ['NET_ADMIN'],
    warning: /capabilities SYS_RESOURCE, CAP_SYS_TIME;/,
  },
  { asked: ['ALL'], left: ['CAP_CHOWN', 'CAP_NET_ADMIN'], warning: /grant all capabilities/ },
])('of capabilities $asked the host grants what it has', ({ asked, left, warning }) => {
  const degraded = withdraw('capabilities', { CapAdd: asked });
  expect(degraded?.body.HostConfig?.CapAdd).toEqual(left);
  expect(degraded?.warning).toMatch(warning);
});

test("a score that is withdrawn is nobody's to know", () => {
  expect(withdraw('oomScoreAdj', { OomScoreAdj: -998 })).toEqual({
    body: { Image: 'x', HostConfig: { OomScoreAdj: 0 } },
  });
});

test.each([
  { message: "can't get final child's PID from pipe: EOF", blamed: ['oomScoreAdj'] },
  {
    message: 'write /proc/self/oom_score_adj: permission denied',
    blamed: ['oomScoreAdj', 'privileged', 'capabilities'],
  },
  { message: 'unable to apply caps: operation not permitted', blamed: ['privileged', 'capabilities'] },
  { message: 'no space left on device', blamed: [] },
])('"$message" may be about $blamed', ({ message, blamed }) => {
  expect(GRANTS.filter((rule) => rule.isBlamed(message)).map(({ grant }) => grant)).toEqual(blamed);
});

test('names the bits of a bounding set', () => {
  expect(boundingCapabilities('Name:\tx\nCapBnd:\t0000000000001001\nCapAmb:\t0\n')).toEqual([
    'CAP_CHOWN',
    'CAP_NET_ADMIN',
  ]);
  expect(boundingCapabilities('CapBnd:\t000001ffffffffff\n')).toHaveLength(41);
  expect(boundingCapabilities('CapBnd:\t000001fffeffffff\n')).not.toContain('CAP_SYS_RESOURCE');
  expect(boundingCapabilities('')).toEqual([]);
});
