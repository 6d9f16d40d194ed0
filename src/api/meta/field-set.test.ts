import { describe, expect, test } from 'vitest';
import {
  difference,
  EMPTY_SET,
  equalSets,
  type FieldSet,
  fieldSetFromPaths,
  intersection,
  isMember,
  isSubset,
  keyElement,
  MEMBER,
  parseFieldSet,
  printPaths,
  recursiveDifference,
  union,
  valueElement,
} from './field-set.ts';

const A: FieldSet = { 'f:a': {}, 'f:b': { '.': {}, 'f:c': {} }, 'f:d': { 'f:e': {} } };

interface Row {
  name: string;
  a: FieldSet;
  b: FieldSet;
  result: FieldSet;
}

describe('union', () => {
  const rows: Row[] = [
    { name: 'with nothing', a: A, b: {}, result: A },
    { name: 'of nothing', a: {}, b: A, result: A },
    { name: 'with itself', a: A, b: A, result: A },
    { name: 'of different fields', a: { 'f:a': {} }, b: { 'f:b': {} }, result: { 'f:a': {}, 'f:b': {} } },
    {
      name: 'a member gains children',
      a: { 'f:a': {} },
      b: { 'f:a': { 'f:b': {} } },
      result: { 'f:a': { '.': {}, 'f:b': {} } },
    },
    {
      name: 'children gain a member',
      a: { 'f:a': { 'f:b': {} } },
      b: { 'f:a': {} },
      result: { 'f:a': { '.': {}, 'f:b': {} } },
    },
    {
      name: 'of children',
      a: { 'f:a': { 'f:b': {} } },
      b: { 'f:a': { '.': {}, 'f:c': {} } },
      result: { 'f:a': { '.': {}, 'f:b': {}, 'f:c': {} } },
    },
  ];
  test.each(rows)('$name', ({ a, b, result }) => expect(union(a, b)).toEqual(result));
});

describe('difference', () => {
  const rows: Row[] = [
    { name: 'with nothing', a: A, b: {}, result: A },
    { name: 'with itself', a: A, b: A, result: {} },
    { name: 'with something else', a: A, b: { 'f:x': {} }, result: A },
    { name: 'a leaf', a: A, b: { 'f:d': { 'f:e': {} } }, result: { 'f:a': {}, 'f:b': { '.': {}, 'f:c': {} } } },
    {
      name: 'a member keeps its children',
      a: A,
      b: { 'f:b': {} },
      result: { 'f:a': {}, 'f:b': { 'f:c': {} }, 'f:d': { 'f:e': {} } },
    },
    {
      name: 'children keep their member',
      a: A,
      b: { 'f:b': { 'f:c': {} } },
      result: { 'f:a': {}, 'f:b': {}, 'f:d': { 'f:e': {} } },
    },
    {
      name: 'a member and its only child',
      a: A,
      b: { 'f:b': { '.': {}, 'f:c': {} } },
      result: { 'f:a': {}, 'f:d': { 'f:e': {} } },
    },
    { name: 'something below a leaf', a: { 'f:a': {} }, b: { 'f:a': { 'f:b': {} } }, result: { 'f:a': {} } },
  ];
  test.each(rows)('$name', ({ a, b, result }) => expect(difference(a, b)).toEqual(result));

  test('shares what did not change', () => {
    expect(difference(A, { 'f:x': {} })).toBe(A);
    expect(difference(A, { 'f:a': {} })['f:b']).toBe(A['f:b']);
  });
});

describe('recursiveDifference', () => {
  const rows: Row[] = [
    { name: 'takes what lies below', a: A, b: { 'f:b': {}, 'f:d': {} }, result: { 'f:a': {} } },
    {
      name: 'takes only that path',
      a: A,
      b: { 'f:b': { 'f:c': {} } },
      result: { 'f:a': {}, 'f:b': {}, 'f:d': { 'f:e': {} } },
    },
    {
      name: 'drops what is left without paths',
      a: A,
      b: { 'f:d': { 'f:e': {} } },
      result: { 'f:a': {}, 'f:b': { '.': {}, 'f:c': {} } },
    },
    { name: 'leaves a leaf alone', a: { 'f:a': {} }, b: { 'f:a': { 'f:b': {} } }, result: { 'f:a': {} } },
  ];
  test.each(rows)('$name', ({ a, b, result }) => expect(recursiveDifference(a, b)).toEqual(result));
});

describe('intersection', () => {
  const rows: Row[] = [
    { name: 'with nothing', a: A, b: {}, result: {} },
    { name: 'with itself', a: A, b: { ...A }, result: A },
    { name: 'a member without children', a: A, b: { 'f:b': {} }, result: { 'f:b': {} } },
    { name: 'children without a member', a: A, b: { 'f:b': { 'f:c': {} } }, result: { 'f:b': { 'f:c': {} } } },
    { name: 'both', a: A, b: { 'f:b': { '.': {}, 'f:c': {}, 'f:x': {} } }, result: { 'f:b': { '.': {}, 'f:c': {} } } },
    { name: 'nothing in common', a: A, b: { 'f:d': {} }, result: {} },
  ];
  test.each(rows)('$name', ({ a, b, result }) => expect(intersection(a, b)).toEqual(result));
});

test('relations', () => {
  expect(isSubset({ 'f:b': {} }, A)).toBe(true);
  expect(isSubset({ 'f:d': {} }, A)).toBe(false);
  expect(equalSets(A, { 'f:d': { 'f:e': {} }, 'f:b': { 'f:c': {}, '.': {} }, 'f:a': {} })).toBe(true);
  expect(equalSets(A, { 'f:a': {} })).toBe(false);
  expect(isMember(MEMBER)).toBe(true);
  expect(isMember({ 'f:a': {} })).toBe(false);
});

test('fieldSetFromPaths', () => {
  expect(fieldSetFromPaths([['status'], ['metadata', 'labels'], ['metadata']])).toEqual({
    'f:status': {},
    'f:metadata': { '.': {}, 'f:labels': {} },
  });
  expect(fieldSetFromPaths([])).toEqual(EMPTY_SET);
});

test('printPaths', () => {
  const set = {
    'f:spec': {
      'f:containers': { 'k:{"name":"a\\"b"}': { '.': {}, 'f:image': {} } },
      'f:ports': { 'k:{"port":80,"protocol":"TCP"}': {} },
      'f:set': { 'v:"x"': {}, 'v:1': {}, 'i:3': {} },
    },
  };
  expect(printPaths(set)).toEqual([
    '.spec.containers[name="a\\"b"]',
    '.spec.containers[name="a\\"b"].image',
    '.spec.ports[port=80,protocol="TCP"]',
    '.spec.set[="x"]',
    '.spec.set[=1]',
    '.spec.set[3]',
  ]);
});

test('elements', () => {
  expect(keyElement([['name', 'a<b']])).toBe('k:{"name":"a\\u003cb"}');
  expect(
    keyElement([
      ['protocol', 'TCP'],
      ['containerPort', 80],
    ]),
  ).toBe('k:{"containerPort":80,"protocol":"TCP"}');
  expect(valueElement('x')).toBe('v:"x"');
});

describe('parseFieldSet', () => {
  test('canonical form', () => {
    const json = {
      'f:a': { '.': {}, 'k: { "b" : 1, "a": "x" }': { 'f:c': {} }, 'v: "y"': {}, 'i:1': {} },
      'z:future': {},
    };
    expect(parseFieldSet(json)).toEqual({
      'f:a': { '.': {}, 'k:{"a":"x","b":1}': { 'f:c': {} }, 'v:"y"': {}, 'i:1': {} },
    });
  });

  test.each([[null], [[]], ['x'], [{ a: {} }], [{ 'k:x': {} }], [{ 'k:1': {} }], [{ 'i:x': {} }], [{ 'f:a': 1 }]])(
    'refuses %j',
    (json) => expect(parseFieldSet(json)).toBeUndefined(),
  );
});
