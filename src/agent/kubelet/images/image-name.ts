/** The parts of an image's name as users write it. */
export interface ImageName {
  /** `docker.io` where none is given. */
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATTERN = new RegExp(
  `^(?:([a-zA-Z0-9.-]+(?::\\d+)?|\\[[a-fA-F0-9:]+\\](?::\\d+)?)/)?(${COMPONENT}(?:/${COMPONENT})*)(?::([\\w][\\w.-]{0,127}))?(?:@([A-Za-z][\\w+.-]*:[0-9a-fA-F]{32,}))?$`,
);

/** Undefined for text that names no image. An image's id is a name, too: it has neither tag nor digest. */
export function parseImageName(text: string): ImageName | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, domain, path = '', tag, digest] = match;
  // Only something with a dot, a port or the name localhost is a registry; else it is the first part of the path.
  const isRegistry = domain !== undefined && (/[.:]/.test(domain) || domain === 'localhost');
  const repository = isRegistry || domain === undefined ? path : `${domain}/${path}`;
  if (/[A-Z]/.test(repository)) return undefined;
  const registry = isRegistry ? domain : 'docker.io';
  const isOfficial = registry === 'docker.io' && !repository.includes('/');
  return { registry, repository: isOfficial ? `library/${repository}` : repository, tag, digest };
}

/** Pull policy of a container that states none. */
export function defaultPullPolicy(image: string): 'Always' | 'IfNotPresent' {
  const name = parseImageName(image);
  if (name === undefined || name.digest !== undefined) return 'IfNotPresent';
  return name.tag === undefined || name.tag === 'latest' ? 'Always' : 'IfNotPresent';
}
