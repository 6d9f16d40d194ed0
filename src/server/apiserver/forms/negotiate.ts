import { notAcceptable } from '#api/meta/errors.ts';

export type Media = 'json' | 'yaml' | 'protobuf';

/** How an answer is to look: wire format and representation. */
export interface Form {
  readonly media: Media;
  readonly as: 'object' | 'table' | 'partial';
  /** Of Table and PartialObjectMetadata. */
  readonly version: 'v1' | 'v1beta1';
  readonly pretty: boolean;
}

export interface FormChoice {
  /** A list of objects is asked for, or a watch. */
  readonly isList: boolean;
  readonly isWatch?: boolean;
  readonly allowTable: boolean;
  readonly allowProtobuf: boolean;
}

export const MEDIA_TYPES: Readonly<Record<Media, string>> = {
  json: 'application/json',
  yaml: 'application/yaml',
  protobuf: 'application/vnd.kubernetes.protobuf',
};

const ALL_MEDIA_TYPES = Object.values(MEDIA_TYPES);
const WATCH_MEDIA_TYPES = [
  'application/json',
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf',
  'application/vnd.kubernetes.protobuf;stream=watch',
];

export interface AcceptClause {
  readonly type: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The clauses of an Accept header, best first. */
export function parseAccept(header: string | undefined): readonly AcceptClause[] {
  if (header === undefined || header.trim() === '') return [{ type: '*/*', parameters: {} }];
  const clauses = header.split(',').map((text) => {
    const [type = '', ...rest] = text.split(';').map((part) => part.trim());
    const parameters = Object.fromEntries(rest.map((part) => splitParameter(part)));
    const quality = Number(parameters['q'] ?? '1');
    return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
  });
  return clauses.filter(({ quality }) => quality > 0).sort((a, b) => b.quality - a.quality);
}

function splitParameter(text: string): [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text.toLowerCase(), ''] : [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()];
}

/** The first form of an Accept header that can be made; clauses that cannot are skipped. Throws 406 when none can. */
export function negotiate(header: string | undefined, choice: FormChoice): Omit<Form, 'pretty'> {
  for (const { type, parameters } of parseAccept(header)) {
    const media = mediaOf(type, choice);
    if (media === undefined) continue;
    const transform = transformOf(parameters, choice);
    if (transform === undefined) continue;
    // Tables exist as text only.
    if (media === 'protobuf' && transform.as === 'table') continue;
    return { media, ...transform };
  }
  throw notAcceptable(choice.isWatch === true ? WATCH_MEDIA_TYPES : ALL_MEDIA_TYPES);
}

function mediaOf(type: string, { allowProtobuf, isWatch }: FormChoice): Media | undefined {
  if (type === '*/*' || type === 'application/*' || type === MEDIA_TYPES.json) return 'json';
  if (type === MEDIA_TYPES.yaml && isWatch !== true) return 'yaml';
  return type === MEDIA_TYPES.protobuf && allowProtobuf ? 'protobuf' : undefined;
}

function transformOf(
  { as, g, v }: Readonly<Record<string, string>>,
  { isList, isWatch, allowTable }: FormChoice,
): Pick<Form, 'as' | 'version'> | undefined {
  if (as === undefined || as === '') return { as: 'object', version: 'v1' };
  if (g !== undefined && g !== 'meta.k8s.io') return undefined;
  if (v !== 'v1' && v !== 'v1beta1') return undefined;
  if (as === 'Table') return allowTable ? { as: 'table', version: v } : undefined;
  // A watch asks for the list's name or the object's: both mean its objects.
  if (as === 'PartialObjectMetadata') return isList && isWatch !== true ? undefined : { as: 'partial', version: v };
  if (as === 'PartialObjectMetadataList') return isList ? { as: 'partial', version: v } : undefined;
  return undefined;
}

/** People at a terminal or browser get indented JSON. */
export function wantsPretty(query: URLSearchParams, userAgent: string): boolean {
  const asked = query.get('pretty');
  if (asked !== null) return asked !== 'false' && asked !== '0';
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}
