import { expect, test } from 'vitest';
import { parseImageReference } from './image-reference.ts';

test.each([
  { image: 'nginx', repository: 'nginx', tag: 'latest' },
  { image: 'nginx:1.25', repository: 'nginx', tag: '1.25' },
  { image: 'registry:5000/team/app', repository: 'registry:5000/team/app', tag: 'latest' },
  { image: 'registry:5000/team/app:v2', repository: 'registry:5000/team/app', tag: 'v2' },
  { image: 'app@sha256:abc', repository: 'app', tag: 'sha256:abc' },
  { image: 'registry:5000/app:v2@sha256:abc', repository: 'registry:5000/app', tag: 'sha256:abc' },
])('$image', ({ image, repository, tag }) => {
  expect(parseImageReference(image)).toEqual({ repository, tag });
});
