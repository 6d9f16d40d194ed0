import type { PodTemplateSpec } from '#api/core/v1.ts';
import { labelSelectorOf } from '#api/meta/selectors.ts';
import type { ApiObject, LabelSelector } from '#api/meta/types.ts';
import type { Column } from '#server/apiserver/resource.ts';

export const NONE = '<none>';
export const UNSET = '<unset>';
export const UNKNOWN = '<unknown>';

/** What a workload runs: names and images of its containers, and what it selects. Wide output only. */
export function workloadColumns<T extends ApiObject>(
  template: (object: T) => PodTemplateSpec | undefined,
  selector: (object: T) => string,
): Column<T>[] {
  const containers = (object: T) => template(object)?.spec?.containers ?? [];
  return [
    {
      name: 'Containers',
      priority: 1,
      value: (object) =>
        containers(object)
          .map(({ name }) => name)
          .join(','),
    },
    {
      name: 'Images',
      priority: 1,
      value: (object) =>
        containers(object)
          .map(({ image = '' }) => image)
          .join(','),
    },
    { name: 'Selector', priority: 1, value: selector },
  ];
}

/** A LabelSelector object as text; empty and absent ones read `<none>`. */
export function selectorText(selector: LabelSelector | undefined): string {
  try {
    const text = labelSelectorOf(selector).toString();
    return text === '' ? NONE : text;
  } catch {
    // An object stored with a selector that means nothing must still be listed.
    return '<error>';
  }
}

/** A map of labels as text, keys sorted. */
export function labelsText(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? NONE : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

/** The first items of a list, and how many more there are. */
export function atMost(items: readonly string[], max: number): string {
  if (items.length === 0) return NONE;
  const more = items.length > max ? ` + ${items.length - max} more...` : '';
  return `${items.slice(0, max).join(',')}${more}`;
}

/** Volume access modes in short: `RWO,ROX`. */
export function accessModesText(modes: readonly string[] | undefined): string {
  const short: Readonly<Record<string, string>> = {
    ReadWriteOnce: 'RWO',
    ReadOnlyMany: 'ROX',
    ReadWriteMany: 'RWX',
    ReadWriteOncePod: 'RWOP',
  };
  const present = new Set(modes ?? []);
  return Object.keys(short)
    .filter((mode) => present.has(mode))
    .map((mode) => short[mode])
    .join(',');
}
