import { describe, expect, test } from 'vitest';
import type { Pod, PodSecurityContext, SecurityContext } from '#api/core/v1.ts';
import { containerSecurity } from './security.ts';

function securityOf(
  own: SecurityContext,
  { pod = {}, user = '', seccompProfile }: { pod?: PodSecurityContext; user?: string; seccompProfile?: string } = {},
) {
  const container = { name: 'app', securityContext: own };
  const whole: Pod = {
    metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
    spec: { containers: [container], securityContext: pod },
  };
  return containerSecurity(whole, container, { image: { user }, seccompProfile });
}

test('without a word there is no seccomp profile, as upstream', () => {
  expect(securityOf({})).toEqual({ seccomp: 'unconfined' });
});

test.each([
  { own: { runAsUser: 5 }, pod: {}, expected: '5' },
  { own: { runAsUser: 0 }, pod: { runAsUser: 5 }, expected: '0' },
  { own: {}, pod: { runAsUser: 5, runAsGroup: 6 }, expected: '5:6' },
  { own: { runAsGroup: 6 }, pod: {}, expected: '0:6' },
  { own: { runAsGroup: 6 }, pod: {}, user: 'www:www', expected: 'www:6' },
  { own: {}, pod: {}, user: 'www', expected: undefined },
])('$own over $pod runs as $expected', ({ own, pod, user = '', expected }) => {
  expect(securityOf(own, { pod, user }).user).toBe(expected);
});

test('the group of volumes is one of the groups', () => {
  expect(securityOf({}, { pod: { fsGroup: 7, supplementalGroups: [8, 7] } }).supplementalGroups).toEqual([8, 7]);
});

test.each<[SecurityContext, object]>([
  [{ privileged: true }, { privileged: true }],
  [{ capabilities: { add: ['A'], drop: ['ALL'] } }, { addCapabilities: ['A'], dropCapabilities: ['ALL'] }],
  [{ allowPrivilegeEscalation: false }, { noNewPrivileges: true }],
  [{ allowPrivilegeEscalation: true }, {}],
  [{ readOnlyRootFilesystem: true }, { readOnlyRoot: true }],
  [{ procMount: 'Unmasked' }, { unmaskedProc: true }],
  [{ appArmorProfile: { type: 'Unconfined' } }, { apparmor: 'unconfined' }],
  [{ appArmorProfile: { type: 'Localhost', localhostProfile: 'mine' } }, { apparmor: 'mine' }],
])('%o', (own, expected) => {
  expect(securityOf(own)).toEqual({ seccomp: 'unconfined', ...expected });
});

describe('seccomp', () => {
  test('the default of the engine', () => {
    expect(securityOf({}, { pod: { seccompProfile: { type: 'RuntimeDefault' } } }).seccomp).toBeUndefined();
  });
  test('a profile of the node', () => {
    const own = { seccompProfile: { type: 'Localhost', localhostProfile: 'p.json' } };
    expect(securityOf(own, { seccompProfile: '{}' }).seccomp).toBe('{}');
  });
});

describe('runAsNonRoot', () => {
  const where = '(pod: "web_shop(u1)", container: app)';
  test.each([
    {
      own: { runAsNonRoot: true, runAsUser: 0 },
      user: '',
      message: `container's runAsUser breaks non-root policy ${where}`,
    },
    {
      own: { runAsNonRoot: true },
      user: '',
      message: `container has runAsNonRoot and image will run as root ${where}`,
    },
    {
      own: { runAsNonRoot: true },
      user: '0:0',
      message: `container has runAsNonRoot and image will run as root ${where}`,
    },
    {
      own: { runAsNonRoot: true },
      user: 'www',
      message: `container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root ${where}`,
    },
  ])('$own with image user "$user" is refused', ({ own, user, message }) => {
    expect(() => securityOf(own, { user })).toThrow(message);
  });

  test.each([
    { own: { runAsNonRoot: true, runAsUser: 5 }, user: '' },
    { own: { runAsNonRoot: true }, user: '5:0' },
    { own: { runAsNonRoot: false }, user: '' },
  ])('$own with image user "$user" is allowed', ({ own, user }) => {
    expect(() => securityOf(own, { user, pod: { runAsNonRoot: true } })).not.toThrow();
  });
});
