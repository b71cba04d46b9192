import { createRequire } from 'node:module';
import type remappingType from '@jridgewell/remapping';

const require = createRequire(import.meta.url);

/** Joins maps of steps that were taken one after the other, the last step first. */
export function composeMaps(maps: readonly string[]): string {
  if (maps.length === 1) return maps[0] ?? '';
  const loaded = require('@jridgewell/remapping') as {
    default?: typeof remappingType;
  } & typeof remappingType;
  const remapping = loaded.default ?? loaded;
  return JSON.stringify(remapping([...maps], () => null));
}

export function sourceMap(filename: string, source: string, mappings: string): string {
  return JSON.stringify({ version: 3, sources: [filename], sourcesContent: [source], names: [], mappings });
}
