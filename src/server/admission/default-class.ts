import type { ApiObject } from '#api/meta/types.ts';

/** The class to use where none is named: marked as default by one of these annotations, the newest if several are. */
export function defaultClassName(classes: readonly ApiObject[], ...annotations: readonly string[]): string | undefined {
  const marked = classes.filter(({ metadata }) =>
    annotations.some((annotation) => metadata.annotations?.[annotation] === 'true'),
  );
  return marked.sort(byAge)[0]?.metadata.name;
}

function byAge({ metadata: a }: ApiObject, { metadata: b }: ApiObject): number {
  const [createdA, createdB] = [a.creationTimestamp ?? '', b.creationTimestamp ?? ''];
  if (createdA !== createdB) return createdA > createdB ? -1 : 1;
  return (a.name ?? '') < (b.name ?? '') ? -1 : 1;
}
