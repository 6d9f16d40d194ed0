import { describe, expect, test } from 'vitest';
import type { ContainerSpec, SandboxSpec } from '../container-runtime.ts';
import { containerConfig, resourceConfig, sandboxConfig } from './container-config.ts';

const sandbox = (overrides: Partial<SandboxSpec> = {}): SandboxSpec => ({
  name: 's',
  hostname: 'web-0',
  labels: {},
  network: { mode: 'pod' },
  ...overrides,
});
const container = (overrides: Partial<ContainerSpec> = {}): ContainerSpec => ({
  name: 'c',
  sandboxId: 'SANDBOX',
  hostname: 'web-0',
  image: 'nginx',
  labels: {},
  env: [],
  mounts: [],
  resources: {},
  security: {},
  pid: 'container',
  ...overrides,
});

describe('sandbox', () => {
  test.each([
    {
      name: 'own network',
      spec: sandbox(),
      config: { Hostname: 'web-0', HostConfig: { NetworkMode: 'none', IpcMode: 'shareable' } },
    },
    {
      name: 'prepared network',
      spec: sandbox({ network: { mode: 'path', path: '/run/netns/x' } }),
      config: {
        Hostname: 'web-0',
        Cmd: ['/netns'],
        HostConfig: {
          NetworkMode: 'host',
          CapDrop: ['ALL'],
          CapAdd: ['SYS_ADMIN', 'SETPCAP'],
          Mounts: [{ Source: '/run/netns/x', ReadOnly: true }],
        },
      },
    },
    {
      name: "the node's IPC and PIDs",
      spec: sandbox({ hostIpc: true, hostPid: true, shmSizeBytes: 5 }),
      config: { HostConfig: { IpcMode: 'host', PidMode: 'host' } },
    },
    {
      name: 'shared memory',
      spec: sandbox({ shmSizeBytes: 5, cgroupParent: '/p' }),
      config: { HostConfig: { ShmSize: 5, CgroupParent: '/p' } },
    },
  ])('$name', ({ spec, config }) => {
    expect(sandboxConfig(spec, { l: '1' })).toMatchObject({ Image: 'skiff/pause:1', Labels: { l: '1' }, ...config });
  });

  test("on the node's network it has the node's name", () => {
    const config = sandboxConfig(sandbox({ network: { mode: 'host' } }), {});
    expect(config).not.toHaveProperty('Hostname');
    expect(config.HostConfig).not.toHaveProperty('CapAdd');
  });
});

describe('container', () => {
  test('asks for nothing but what was asked for', () => {
    expect(containerConfig(container(), { l: '1' })).toEqual({
      Image: 'nginx',
      Labels: { l: '1' },
      Env: [],
      OpenStdin: false,
      StdinOnce: false,
      Tty: false,
      Healthcheck: { Test: ['NONE'] },
      HostConfig: {
        NetworkMode: 'container:SANDBOX',
        IpcMode: 'container:SANDBOX',
        Mounts: [],
        LogConfig: { Type: 'json-file', Config: { 'max-size': '10485760', 'max-file': '5' } },
      },
    });
  });

  test.each<{ name: string; spec: Partial<ContainerSpec>; config: object; host?: object }>([
    { name: 'command alone', spec: { command: ['a'] }, config: { Entrypoint: ['a'] } },
    { name: 'arguments alone', spec: { args: ['b'] }, config: { Cmd: ['b'] } },
    {
      name: 'terminal and input',
      spec: { tty: true, stdin: true, stdinOnce: true },
      config: { Tty: true, OpenStdin: true, StdinOnce: true },
    },
    { name: 'PIDs of the sandbox', spec: { pid: 'sandbox' }, config: {}, host: { PidMode: 'container:SANDBOX' } },
    { name: 'PIDs of the node', spec: { pid: 'host' }, config: {}, host: { PidMode: 'host' } },
    {
      name: 'network of the node',
      spec: { hostNetwork: true },
      config: {},
      host: { UTSMode: 'host', NetworkMode: 'container:SANDBOX' },
    },
    { name: 'IPC of the node', spec: { hostIpc: true }, config: {}, host: { IpcMode: 'host' } },
    {
      name: 'log rotation',
      spec: { log: { maxSizeBytes: 1000, maxFiles: 0 } },
      config: {},
      host: { LogConfig: { Config: { 'max-size': '1000', 'max-file': '1' } } },
    },
    {
      name: 'a mount',
      spec: { mounts: [{ source: '/s', target: '/t', propagation: 'rslave' }] },
      config: {},
      host: {
        Mounts: [{ Type: 'bind', Source: '/s', Target: '/t', ReadOnly: false, BindOptions: { Propagation: 'rslave' } }],
      },
    },
    {
      name: 'the last to be killed',
      spec: { resources: { oomScoreAdj: -997 } },
      config: {},
      host: { OomScoreAdj: -997 },
    },
    {
      name: 'security',
      spec: {
        security: {
          user: '1000:2000',
          supplementalGroups: [1, 2],
          privileged: true,
          addCapabilities: ['A'],
          dropCapabilities: ['ALL'],
          noNewPrivileges: true,
          readOnlyRoot: true,
          seccomp: 'unconfined',
          apparmor: 'p',
          unmaskedProc: true,
        },
      },
      config: { User: '1000:2000' },
      host: {
        GroupAdd: ['1', '2'],
        Privileged: true,
        CapAdd: ['A'],
        CapDrop: ['ALL'],
        ReadonlyRootfs: true,
        MaskedPaths: [],
        ReadonlyPaths: [],
        SecurityOpt: ['no-new-privileges', 'seccomp=unconfined', 'apparmor=p'],
      },
    },
  ])('$name', ({ spec, config, host = {} }) => {
    expect(containerConfig(container(spec), {})).toMatchObject({ ...config, HostConfig: host });
  });
});

test('memory is the limit of memory and swap together, and what is absent is not said', () => {
  expect(resourceConfig({ memoryBytes: 5, cpuQuotaUs: 1 })).toEqual({ Memory: 5, MemorySwap: 5, CpuQuota: 1 });
});
