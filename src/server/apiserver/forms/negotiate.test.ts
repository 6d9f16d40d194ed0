import { expect, test } from 'vitest';
import { type FormChoice, negotiate, parseAccept, wantsPretty } from './negotiate.ts';

const object: FormChoice = { isList: false, allowTable: true, allowProtobuf: true };
const list: FormChoice = { ...object, isList: true };
const KUBECTL =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

test.each([
  { accept: undefined, choice: object, form: 'json object' },
  { accept: '*/*', choice: object, form: 'json object' },
  { accept: 'text/html, application/*;q=0.1', choice: object, form: 'json object' },
  { accept: 'application/yaml', choice: list, form: 'yaml object' },
  { accept: 'application/yaml', choice: { ...list, isWatch: true }, form: undefined },
  { accept: 'application/json;q=0.5,application/yaml', choice: list, form: 'yaml object' },
  { accept: 'application/vnd.kubernetes.protobuf,application/json', choice: object, form: 'protobuf object' },
  {
    accept: 'application/vnd.kubernetes.protobuf,application/json',
    choice: { ...object, allowProtobuf: false },
    form: 'json object',
  },
  { accept: KUBECTL, choice: list, form: 'json table v1' },
  { accept: KUBECTL, choice: { ...list, allowTable: false }, form: 'json object' },
  { accept: 'application/json;as=Table;v=v2;g=meta.k8s.io,application/json', choice: list, form: 'json object' },
  { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io', choice: { ...list, allowTable: false }, form: undefined },
  { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', choice: object, form: 'json partial v1' },
  { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', choice: list, form: undefined },
  { accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', choice: object, form: undefined },
  {
    accept: 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
    choice: list,
    form: 'protobuf partial v1',
  },
  { accept: 'image/png', choice: object, form: undefined },
  { accept: 'application/json;q=0', choice: object, form: undefined },
])('$accept', ({ accept, choice, form }) => {
  const show = () => {
    const { media, as, version } = negotiate(accept, choice);
    return as === 'object' ? `${media} ${as}` : `${media} ${as} ${version}`;
  };
  if (form === undefined) expect(show).toThrow('only the following media types are accepted: application/json, ');
  else expect(show()).toBe(form);
});

test('parameters of clauses', () => {
  expect(parseAccept('Application/JSON; V=v1 ;as=x')).toMatchObject([
    { type: 'application/json', parameters: { v: 'v1', as: 'x' } },
  ]);
});

test.each([
  { query: '', agent: 'kubectl/v1.33', pretty: false },
  { query: '', agent: 'curl/8.1', pretty: true },
  { query: 'pretty=false', agent: 'curl/8.1', pretty: false },
  { query: 'pretty=true', agent: '', pretty: true },
])('pretty: "$query" from $agent', ({ query, agent, pretty }) => {
  expect(wantsPretty(new URLSearchParams(query), agent)).toBe(pretty);
});
