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
    // Only the first line: an extract of the file with arrows follows.
    const [message = ''] = (error as Error).message.split(/:?\n/);
    throw new UsageError(`The configuration file "${path}" is not valid YAML: ${message}`);
  }
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new UsageError(`The configuration file "${path}" must hold keys and values, such as "node-name: edge-1"`);
  }
  return { path, content: valuesOf(path, content as Record<string, unknown>) };
}

/** A key without a value is as good as absent. */
function valuesOf(path: string, content: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(content).filter(([, value]) => value !== null);
  const nested = entries.filter(([, value]) => [value].flat().some((item) => typeof item === 'object'));
  if (nested.length > 0) {
    const lines = nested.map(
      ([key]) => `${path}: key "${key}" must be a text, a number, true, false or a list of them`,
    );
    throw new UsageError(lines.join('\n'));
  }
  return Object.fromEntries(entries);
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
