/** The table of docs/keras-files.md, from what the cases show. */
import type { LayerCase } from './layer-cases.ts';

/** How a case went: the message where it was refused. */
export interface Result {
  layerCase: LayerCase;
  refused: string | undefined;
}

function optionsOf(name: string): string[] {
  const inside = name.slice(name.indexOf('(') + 1, name.lastIndexOf(')'));
  return [...inside.matchAll(/(?:^|,)([a-z]\w*)=/g)].map(([, option]) => option as string);
}

/** The part of a message after the layer's name. */
function reasonOf(message: string): string {
  return message
    .replace(/^layer \w+(?: of class \w+)?:? /, '')
    .replace(/^(its|was) /, '')
    .replace(/ ?is not supported here$/, '')
    .replaceAll('|', '\\|');
}

/** Rows of Markdown, one for each layer, sorted by name. */
export function layerTable(results: readonly Result[]): string[] {
  const groups = new Map<string, { supported: Set<string>; refused: Set<string>; loaded: boolean }>();
  for (const { layerCase, refused } of results) {
    if (layerCase.group === 'models' || layerCase.group === 'activations') continue;
    const group = groups.get(layerCase.group) ?? { supported: new Set(), refused: new Set(), loaded: false };
    groups.set(layerCase.group, group);
    if (refused === undefined) {
      group.loaded = true;
      for (const option of optionsOf(layerCase.name)) group.supported.add(option);
    } else group.refused.add(reasonOf(refused));
  }
  const rows = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { supported, refused, loaded }]) => {
      const options = [...supported].sort().map((option) => `\`${option}\``);
      return `| ${name} | ${loaded ? options.join(', ') || 'yes' : 'no'} | ${[...refused].sort().join('; ')} |`;
    });
  return ['| layer | loaded and written, with | refused |', '| --- | --- | --- |', ...rows];
}

/** A table's lines without what a formatter of Markdown adds. */
export function plainTable(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.replaceAll(/ +/g, ' ').replaceAll(/-{3,}/g, '---').trim());
}
