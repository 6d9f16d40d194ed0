import { createHash } from 'node:crypto';
import { encodeOpenApiV2, type OpenApiInput, openApiV2, openApiV3 } from '#api/schema/openapi.ts';
import type { BuiltinSchemas } from '#api/schema/registry.ts';
import { loadTexts } from '#api/schema/texts.ts';
import type { ServedResources } from '../state/served.ts';
import type { Discovery } from './discovery.ts';

export interface OpenApiDocument {
  readonly body: Buffer;
  /** SHA-512 in upper-case hexadecimal. */
  readonly hash: string;
}

interface GroupVersionPath {
  readonly group: string;
  readonly version: string;
  /** `api/v1`, `apis/apps/v1` */
  readonly path: string;
}

/** The hash is kept for good; the text, which is long and asked for in bursts, until nobody has asked for a while. */
interface Kept {
  readonly hash: string;
  body: Buffer | undefined;
  forget: NodeJS.Timeout;
}

const KEEP_TEXT_MS = 60_000;

/** The OpenAPI documents of everything served. Each is made when it is first asked for, and again after a change. */
export class OpenApiDocuments {
  readonly #discovery: Discovery;
  readonly #served: ServedResources;
  readonly #schemas: BuiltinSchemas;
  readonly #version: string;
  readonly #kept = new Map<string, Kept>();

  constructor(options: {
    readonly discovery: Discovery;
    readonly served: ServedResources;
    readonly schemas: BuiltinSchemas;
    readonly version: string;
  }) {
    this.#discovery = options.discovery;
    this.#served = options.served;
    this.#schemas = options.schemas;
    this.#version = options.version;
    options.served.onChange(() => {
      for (const { forget } of this.#kept.values()) clearTimeout(forget);
      this.#kept.clear();
    });
  }

  /** `/openapi/v3`: where each group-version's document is. */
  async index(): Promise<OpenApiDocument> {
    const missing = this.#groupVersions.some(({ path }) => !this.#kept.has(path));
    const input = missing ? await this.#input() : undefined;
    const paths = this.#groupVersions.map((at) => {
      const known = this.#kept.get(at.path);
      const hash = known?.hash ?? (input === undefined ? '' : this.#keep(at.path, this.#write(at, input)).hash);
      return [at.path, { serverRelativeURL: `/openapi/v3/${at.path}?hash=${hash}` }];
    });
    const body = Buffer.from(JSON.stringify({ paths: Object.fromEntries(paths) }));
    return { body, hash: hashOf(body) };
  }

  /** `/openapi/v3/apis/G/V`; undefined for a group-version that is not served. */
  async v3(path: string): Promise<OpenApiDocument | undefined> {
    const at = this.#groupVersions.find((entry) => entry.path === path);
    if (at === undefined) return undefined;
    return this.#get(path) ?? this.#keep(path, this.#write(at, await this.#input()));
  }

  async v2Json(): Promise<OpenApiDocument> {
    return this.#get('v2') ?? this.#keep('v2', Buffer.from(JSON.stringify(this.#v2(await this.#input()))));
  }

  async v2Protobuf(): Promise<OpenApiDocument> {
    const name = 'v2 protobuf';
    return this.#get(name) ?? this.#keep(name, Buffer.from(encodeOpenApiV2(this.#v2(await this.#input()))));
  }

  get #groupVersions(): readonly GroupVersionPath[] {
    return this.#discovery.groups.flatMap(({ group, versions }) =>
      versions.map(({ version }) => ({
        group,
        version,
        path: group === '' ? `api/${version}` : `apis/${group}/${version}`,
      })),
    );
  }

  #write({ group, version }: GroupVersionPath, input: Omit<OpenApiInput, 'resources'>): Buffer {
    const definitions = this.#served.all.map(({ definition }) => definition);
    const resources = definitions.filter(({ ref }) => ref.group === group && ref.version === version);
    return Buffer.from(JSON.stringify(openApiV3({ ...input, resources })));
  }

  #v2(input: Omit<OpenApiInput, 'resources'>) {
    return openApiV2({ ...input, resources: this.#served.all.map(({ definition }) => definition) });
  }

  async #input(): Promise<Omit<OpenApiInput, 'resources'>> {
    const texts = await loadTexts(this.#schemas);
    return { schemas: this.#schemas, texts, version: this.#version, groupVersions: this.#groupVersions };
  }

  #get(name: string): OpenApiDocument | undefined {
    const kept = this.#kept.get(name);
    if (kept?.body === undefined) return undefined;
    kept.forget.refresh();
    return { body: kept.body, hash: kept.hash };
  }

  #keep(name: string, body: Buffer): OpenApiDocument {
    const before = this.#kept.get(name);
    clearTimeout(before?.forget);
    const forget = setTimeout(() => {
      kept.body = undefined;
    }, KEEP_TEXT_MS).unref();
    const kept: Kept = { hash: before?.hash ?? hashOf(body), body, forget };
    this.#kept.set(name, kept);
    return { body, hash: kept.hash };
  }
}

function hashOf(body: Buffer): string {
  return createHash('sha512').update(body).digest('hex').toUpperCase();
}
