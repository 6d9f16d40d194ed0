import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '#base/options.ts';
import { parseYaml } from '#base/yaml.ts';

export interface ConfigFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** Reads a configuration file and those in `<file>.d`, by name. A missing file is an empty one unless it was asked for. */
export function readConfigFiles(path: string, { required }: { required: boolean }): ConfigFile[] {
  const first = readConfigFile(path, required);
  const more = folderOf(`${path}.d`).map((name) => readConfigFile(join(`${path}.d`, name), true));
  return [first, ...more].flatMap((file) => (file === undefined ? [] : [file]));
}

function readConfigFile(path: string, required: boolean): ConfigFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new UsageError(`Cannot read the configuration file "${path}": ${(error as Error).message}`);
  }
  let content: unknown;
  try {
    content = parseYaml(text) ?? {};
  } catch (error) {
    throw new UsageError(`The configuration file "${path}" is not valid YAML: ${(error as Error).message}`);
  }
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new UsageError(`The configuration file "${path}" must hold keys and values, such as "node-name: edge-1"`);
  }
  return { path, content: content as Record<string, unknown> };
}

function folderOf(path: string): string[] {
  try {
    return readdirSync(path)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort();
  } catch {
    return [];
  }
}
