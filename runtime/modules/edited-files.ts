/** Local CommonJS files that Node runs: which of them were edited since. */
import { statSync } from 'node:fs';

const loadedAt = new Map<string, { modified: number; files: string[] }>();

/** Notes the state of a CommonJS file and of the local files that it required. */
export function remember(cache: NodeJS.Require['cache'], path: string): void {
  const files: string[] = [];
  const visit = (file: string): void => {
    if (files.includes(file) || file.includes('/node_modules/')) return;
    files.push(file);
    for (const child of cache[file]?.children ?? []) visit(child.filename);
  };
  visit(path);
  for (const file of files) loadedAt.set(file, { modified: modifiedAt(file), files });
}

/** Whether a file that Node loaded, or one that it required, was edited since. */
export function isEdited(path: string): boolean {
  const files = loadedAt.get(path)?.files ?? [];
  return files.some((file) => loadedAt.get(file)?.modified !== modifiedAt(file));
}

export function forget(cache: NodeJS.Require['cache'], path: string): void {
  for (const file of loadedAt.get(path)?.files ?? []) delete cache[file];
}

function modifiedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
