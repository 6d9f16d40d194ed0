'use strict';
// Entry of the single executable: runs the bundle from the executable's assets with its warmed V8 code cache.
const sea = require('node:sea');
const vm = require('node:vm');
const { createRequire } = require('node:module');

const inside = sea.isSea();
const folder = process.env.SKIFF_WARM_FOLDER;
const read = (name) =>
  inside ? Buffer.from(sea.getRawAsset(name)) : require('node:fs').readFileSync(`${folder}/${name}`);
const has = (name) => {
  try {
    return read(name);
  } catch {
    return undefined;
  }
};

// latin1: the bundle is ASCII, and one byte a character is the cheapest string V8 has.
const source = inside ? sea.getAsset('app.js', 'latin1') : read('app.js').toString('latin1');
const cachedData = folder === undefined ? has('app.cache') : undefined;
const script = new vm.Script(source, { filename: 'skiff.js', ...(cachedData && { cachedData }) });
const main = { exports: {} };
if (script.cachedDataRejected) process.emitWarning('the code cache does not fit this Node: starting more slowly');
if (folder !== undefined) {
  process.on('exit', () => require('node:fs').writeFileSync(`${folder}/app.cache`, script.createCachedData()));
}
script.runInThisContext()(main.exports, createRequire(process.execPath), main, process.execPath, '/');
