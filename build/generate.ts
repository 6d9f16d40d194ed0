/** Builds src/api/generated from @kubernetes/client-node and build/facts. Does nothing while its inputs are unchanged. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FACTS, MODELS, readModel } from './generate-model.ts';
import { writeDescriptions, writeSchema } from './generate-schema.ts';
import { fileNameOf, writeTypes } from './generate-types.ts';

const OUT = join(import.meta.dirname, '../src/api/generated');
const STAMP = join(OUT, '.stamp');

function inputsHash(): string {
  const hash = createHash('sha256');
  const files = [
    join(MODELS, 'package.json'),
    ...readdirSync(FACTS)
      .filter((file) => file.endsWith('.json'))
      .map((file) => join(FACTS, file)),
    ...readdirSync(import.meta.dirname)
      .filter((file) => file.startsWith('generate'))
      .map((file) => join(import.meta.dirname, file)),
  ];
  for (const file of files) hash.update(file.slice(FACTS.length)).update(readFileSync(file));
  return hash.digest('hex');
}

function isCurrent(hash: string): boolean {
  try {
    return readFileSync(STAMP, 'utf8') === hash;
  } catch {
    return false;
  }
}

function generate(): void {
  const hash = inputsHash();
  if (isCurrent(hash)) return;
  const model = readModel();
  mkdirSync(OUT, { recursive: true });
  const written = new Set<string>();
  const write = (file: string, text: string) => {
    writeFileSync(join(OUT, file), text);
    written.add(file);
  };
  for (const [packageName, types] of model) {
    const file = fileNameOf(packageName);
    if (file !== undefined) write(file, writeTypes(packageName, types));
  }
  write('schema-data.ts', writeSchema(model));
  write('descriptions.ts', writeDescriptions(model));
  for (const file of readdirSync(OUT)) if (!written.has(file)) rmSync(join(OUT, file));
  writeFileSync(STAMP, hash);
}

generate();
