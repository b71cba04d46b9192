import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

const root = join(__dirname, '..', '..');
const TOP = ['cli', 'kernel', 'runtime', 'src'];

/** All sources by their path from the root. */
const sources = TOP.flatMap((top) =>
  readdirSync(join(root, top), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(top, name.replaceAll('\\', '/')))
    .filter((name) => /\.(ts|mjs|cjs)$/.test(name)),
);

/** The room of a file: a folder of `src` or `kernel`, or one of the other top folders. */
function roomOf(file: string): string {
  const [top = '', room = '', ...rest] = file.split('/');
  return (top === 'src' || top === 'kernel') && rest.length > 0 ? `${top}/${room}` : top;
}

/** For each room the rooms that its files import, types included. */
function importsByRoom(): Map<string, Set<string>> {
  const known = new Map<string, Set<string>>();
  for (const file of sources) {
    const room = roomOf(file);
    const rooms = known.get(room) ?? new Set();
    known.set(room, rooms);
    const text = readFileSync(join(root, file), 'utf8').replaceAll(/^\s*(\*|\/\/).*$/gm, '');
    for (const [, specifier = ''] of text.matchAll(/(?:from|import|require)\s*\(?\s*'(\.{1,2}\/[^'\n]*)'/g)) {
      const target = posix.normalize(posix.join(posix.dirname(file), specifier));
      if (!TOP.includes(target.split('/')[0] ?? '')) continue;
      const other = roomOf(target);
      if (other !== room) rooms.add(other);
    }
  }
  return known;
}

/** The last column of the map in ARCHITECTURE.md by room. */
function knowsColumn(): Map<string, string[]> {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
  const rows = new Map<string, string[]>();
  for (const [, room = '', knows = ''] of text.matchAll(/^\| `([\w/-]+)\/`\s*\|.*\|([^|]*)\|$/gm)) {
    rows.set(
      room,
      [...knows.matchAll(/`([\w-]+)`/g)].map(([, name = '']) => name),
    );
  }
  return rows;
}

const SRC_ROOMS = new Set(sources.map(roomOf).filter((room) => room.startsWith('src/')));

test('every room of the sources has a row in the map of ARCHITECTURE.md, and every row a room', () => {
  const rooms = new Set(sources.map(roomOf).filter((room) => room !== 'kernel'));
  expect([...knowsColumn().keys()].sort()).toEqual([...rooms].sort());
});

test('the map of ARCHITECTURE.md names what each room imports', () => {
  const imports = importsByRoom();
  const wrong: Record<string, unknown> = {};
  for (const [room, knows] of knowsColumn()) {
    const named = knows.map((name) => (SRC_ROOMS.has(`src/${name}`) ? `src/${name}` : `kernel/${name}`));
    const expected = knows.includes('src') ? [...SRC_ROOMS].filter((other) => other !== room) : named;
    const actual = [...(imports.get(room) ?? [])];
    const missing = actual.filter((other) => !expected.includes(other));
    const unused = expected.filter((other) => !actual.includes(other));
    if (missing.length + unused.length > 0) wrong[room] = { missing, unused };
  }
  expect(wrong).toEqual({});
});

test('no room imports a room that imports it in turn', () => {
  const imports = importsByRoom();
  const above = (room: string, seen: Set<string>): Set<string> => {
    for (const other of imports.get(room) ?? []) {
      if (seen.has(other)) continue;
      seen.add(other);
      above(other, seen);
    }
    return seen;
  };
  const cyclic = [...imports.keys()].filter((room) => above(room, new Set()).has(room));
  expect(cyclic).toEqual([]);
});

test('only src/engines and src/api import the files behind the border of an engine', () => {
  const importers = sources.filter((file) =>
    /from '(?:\.\.\/)+(?:src\/)?engines\/[\w-]+\//.test(readFileSync(join(root, file), 'utf8')),
  );
  expect(importers.filter((file) => !/^src\/(?:engines|api)\//.test(file))).toEqual([]);
  expect(importers).not.toEqual([]);
});
