import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ImageInfo, RuntimeError } from '#agent/runtime/container-runtime.ts';
import type { Container, Secret } from '#api/core/v1.ts';
import type { EventRecorder } from '#client/events.ts';
import { FakeRuntime } from '#test/fakes/fake-runtime.ts';
import { PodEvents } from '../pod-events.ts';
import { ImageManager } from './image-manager.ts';

const { signal } = new AbortController();
const pod = { metadata: { name: 'web', namespace: 'shop', uid: 'u1' }, spec: { containers: [{ name: 'app' }] } };
const info: ImageInfo = { id: 'sha256:9', tags: [], digests: ['x@sha256:1'], sizeBytes: 7, user: '', env: [] };

let runtime: FakeRuntime;
let told: string[];
let secrets: Secret[];

beforeEach(() => {
  runtime = new FakeRuntime();
  told = [];
  secrets = [];
});

afterEach(() => runtime.stop());

function ensure(container: Partial<Container>, { tolerates = true } = {}): Promise<ImageInfo> {
  const recorder = {
    event: (_: unknown, type: string, reason: string, message: string) => told.push(`${type} ${reason}: ${message}`),
  };
  const manager = new ImageManager({
    runtime,
    events: new PodEvents(recorder as unknown as EventRecorder),
    preloaded: Promise.resolve(),
    pullSecrets: async () => secrets,
    maxParallelPulls: 1,
    toleratesUnreachableRegistry: tolerates,
  });
  return manager.ensure(pod, { name: 'app', ...container }, signal);
}

test('an image that is here is used', async () => {
  runtime.localImages.set('nginx:1', info);
  expect(await ensure({ image: 'nginx:1' })).toBe(info);
  expect(told).toEqual(['Normal Pulled: Container image "nginx:1" already present on machine']);
  expect(runtime.pulls).toEqual([]);
});

test('one that is not is pulled', async () => {
  runtime.registry.set('nginx:1', info);
  expect(await ensure({ image: 'nginx:1' })).toMatchObject({ id: info.id });
  expect(told[0]).toBe('Normal Pulling: Pulling image "nginx:1"');
  expect(told[1]).toMatch(
    /^Normal Pulled: Successfully pulled image "nginx:1" in \d+.*s \(\d+.*s including waiting\)\. Image size: 7 bytes\.$/,
  );
});

test('latest is pulled although it is here', async () => {
  runtime.localImages.set('nginx', info);
  runtime.registry.set('nginx', info);
  await ensure({ image: 'nginx' });
  expect(runtime.pulls).toHaveLength(1);
});

test('Never does not pull', async () => {
  await expect(ensure({ image: 'nginx:1', imagePullPolicy: 'Never' })).rejects.toMatchObject({
    reason: 'ErrImageNeverPull',
    message: 'Container image "nginx:1" is not present with pull policy of Never',
  });
});

test('text that names no image is refused at once', async () => {
  await expect(ensure({ image: 'No Image' })).rejects.toMatchObject({ reason: 'InvalidImageName' });
  expect(told[0]).toMatch(/^Warning InspectFailed: Failed to apply default image tag "No Image"/);
});

test('a failure is told and can be tried again', async () => {
  runtime.registry.set('nginx:1', new Error('manifest unknown'));
  await expect(ensure({ image: 'nginx:1' })).rejects.toMatchObject({
    reason: 'ErrImagePull',
    message: 'manifest unknown',
  });
  expect(told.at(-1)).toBe('Warning Failed: Failed to pull image "nginx:1": manifest unknown');
});

test('credentials are tried before none', async () => {
  const config = { auths: { 'docker.io': { username: 'u', password: 'p' } } };
  secrets = [
    { metadata: { name: 's' }, data: { '.dockerconfigjson': Buffer.from(JSON.stringify(config)).toString('base64') } },
  ];
  runtime.registry.set('nginx:1', new Error('denied'));
  await expect(ensure({ image: 'nginx:1' })).rejects.toThrow('denied');
  expect(runtime.pulls.map(({ auth }) => auth?.username)).toEqual(['u', undefined]);
});

describe('a registry that cannot be reached', () => {
  beforeEach(() => {
    runtime.localImages.set('nginx', info);
    runtime.registry.set('nginx', new Error('dial tcp: i/o timeout'));
  });

  test('does not keep an image that is here from running', async () => {
    expect(await ensure({ image: 'nginx' })).toBe(info);
    expect(told.at(-1)).toBe(
      'Warning Failed: Failed to pull image "nginx": dial tcp: i/o timeout. The image is on this node and is used as it is',
    );
  });

  test('does so where the operator wants it', async () => {
    await expect(ensure({ image: 'nginx' }, { tolerates: false })).rejects.toMatchObject({ reason: 'ErrImagePull' });
  });
});

test.each([
  { name: 'an image that was pulled', digests: ['x@sha256:1'], runs: false },
  { name: 'an image that was built here', digests: [], runs: true },
])('a registry that says no keeps $name from running: $runs', async ({ digests, runs }) => {
  runtime.localImages.set('mine', { ...info, digests });
  runtime.registry.set('mine', new RuntimeError('not-found', 'pull access denied for mine'));
  const result = await ensure({ image: 'mine' }).then(
    () => true,
    () => false,
  );
  expect(result).toBe(runs);
});
