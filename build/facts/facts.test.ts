import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseGoPackage } from './go-source.ts';
import { parseProto } from './proto-source.ts';

const GO = `
// +enum
type Mode string

const (
	// ModeOn says on.
	ModeOn  Mode = "On"
	ModeOff Mode = "Off"
)

type Names []string

// +structType=atomic
type Thing struct {
	metav1.TypeMeta \`json:",inline"\`
	// +optional
	// +listType=map
	// +listMapKey=name
	// +listMapKey=port
	Items []Item \`json:"items,omitempty" patchStrategy:"merge" patchMergeKey:"name" protobuf:"bytes,2,rep,name=items"\`
	Source \`json:",inline" protobuf:"bytes,3,opt,name=source"\`
	// +default=5
	Count *int32 \`json:"count,omitempty" protobuf:"varint,4,opt,name=count"\`
	Hidden string \`json:"-"\`
	When metav1.Time \`json:"when,omitempty,omitzero" protobuf:"bytes,5,opt,name=when"\`
}
`;

test('types of a Go package are read', () => {
  const { structs, lists, enums, constsByType } = parseGoPackage([GO]);
  expect([...enums]).toEqual(['Mode']);
  expect([...lists]).toEqual(['Names']);
  expect(constsByType.get('Mode')).toEqual(['On', 'Off']);
  const thing = structs.get('Thing');
  expect(thing?.markers.get('structType')).toEqual(['atomic']);
  expect(thing?.fields.map(({ name, json, number }) => [name, json, number])).toEqual([
    ['TypeMeta', '', undefined],
    ['Items', 'items', 2],
    ['Source', '', 3],
    ['Count', 'count', 4],
    ['When', 'when', 5],
  ]);
  const [, items, source, count, when] = thing?.fields ?? [];
  expect(items?.markers.get('listMapKey')).toEqual(['name', 'port']);
  expect(items?.tags.get('patchMergeKey')).toBe('name');
  expect(source).toMatchObject({ inline: true, pointer: false });
  expect(count).toMatchObject({ pointer: true, type: 'int32', omitEmpty: true, omitZero: false });
  expect(when).toMatchObject({ pointer: false, omitEmpty: true, omitZero: true });
});

test('messages of a proto file are read', () => {
  const text = `
message Thing {
  // Text about it, even with = 9;
  optional string name = 1;
  repeated .k8s.io.other.Item items = 2;
  map<string, .k8s.io.other.Quantity> limits = 3;
  optional Own own = 4;
}
`;
  expect(parseProto(text, 'k8s.io.pkg')).toEqual([
    {
      name: 'Thing',
      fields: [
        { name: 'name', number: 1, type: 'string', repeated: false, map: false },
        { name: 'items', number: 2, type: 'k8s.io.other.Item', repeated: true, map: false },
        { name: 'limits', number: 3, type: 'k8s.io.other.Quantity', repeated: false, map: true },
        { name: 'own', number: 4, type: 'k8s.io.pkg.Own', repeated: false, map: false },
      ],
    },
  ]);
});

const table = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, `${name}.json`), 'utf8'));

test('the tables hold facts that everybody knows', () => {
  expect(table('protobuf')['k8s.io.api.core.v1'].Pod).toContainEqual(['spec', 2, '.PodSpec', 'o']);
  expect(table('merge')['k8s.io.api.core.v1'].PodSpec.containers).toEqual({ patch: 'merge', mergeKey: 'name', list: 'map', keys: ['name'] });
  expect(table('enums')['k8s.io.api.core.v1'].PodSpec.restartPolicy).toEqual(['Always', 'Never', 'OnFailure']);
  expect(table('defaults')['k8s.io.api.core.v1'].ContainerPort.protocol).toBe('TCP');
  expect(table('kinds')['k8s.io.api.apps.v1'].kinds).toContain('Deployment ');
});
