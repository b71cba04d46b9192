import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMagicRegistry } from '../../../kernel/magics/index.ts';
import { call, testSession } from '../../magics/session.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tensorcell-magics-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const registry = createMagicRegistry({
  directory: () => folder,
  environment: () => ({ HOME: folder, HELLO: '1', HELP: '2', GONE: undefined }),
});

async function run(text: string, session = testSession({ directory: folder })): Promise<string> {
  const { context, recorded } = call(text, session);
  await registry.run(context);
  return recorded.stdout;
}

test.each([
  ['%devcie', 'unknown magic %devcie: did you mean %device?'],
  ['%%tmie\n1', 'unknown magic %%tmie: did you mean %%time?'],
  ['%%devic\n1', 'unknown magic %%devic: did you mean %device?'],
  ['%matplotlib inline', 'unknown magic %matplotlib: %lsmagic lists all of them'],
  ['%bash', '%bash: write %%bash, which goes on the first line of a cell, above its body'],
  ['%%cd x\n1', '%%cd: write %cd, which goes on a separate line and takes no body'],
])('%s is refused', async (text, message) => {
  await expect(run(text)).rejects.toThrow(expect.objectContaining({ name: 'MagicError', message }));
});

test('every magic is listed, once, with what it does', async () => {
  const text = await run('%lsmagic');
  const names = text.split('\n').flatMap((line) => /^(!command|%%?[\w-]+)/.exec(line)?.[0] ?? []);
  expect(names).toEqual(
    registry
      .all()
      .map(({ name, kinds }) => (name === '!' ? '!command' : `${kinds[0] === 'cell' ? '%%' : '%'}${name}`)),
  );
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(
    expect.arrayContaining(['%lsmagic', '%device', '%time', '%env', '%cd', '%who', '!command', '%%bash']),
  );
});

const texts = (source: string): unknown => {
  const cursor = source.indexOf('|');
  const completions = registry.complete(source.replace('|', ''), cursor);
  return completions && { ...completions, items: completions.items.map(({ text }) => text) };
};

test('completion of names', () => {
  expect(texts('%typ|')).toEqual({ items: ['%typecheck'], start: 0, end: 4 });
  expect(texts('const a = 1;\n  %ti|')).toEqual({ items: ['%tidy', '%time'], start: 15, end: 18 });
  expect(texts('%%ti|')).toEqual({ items: ['%%time'], start: 0, end: 4 });
  expect(texts('%ti|')).toEqual({ items: ['%tidy', '%time', '%%time'], start: 0, end: 3 });
  expect(texts('1\n%%ti|')).toBeUndefined();
  expect(texts('const a = 7 %ti|')).toBeUndefined();
  expect(texts('')).toBeUndefined();
});

test('completion of arguments', () => {
  expect(texts('%typecheck e|')).toEqual({ items: ['error'], start: 11, end: 12 });
  expect(texts('%env HEL|')).toEqual({ items: ['HELLO', 'HELP'], start: 5, end: 8 });
  expect(texts('%env |')).toEqual({ items: ['HELLO', 'HELP', 'HOME'], start: 5, end: 5 });
  expect(texts('%nothing e|')).toBeUndefined();
});

test('completion of paths', () => {
  mkdirSync(join(folder, 'data', 'one two'), { recursive: true });
  mkdirSync(join(folder, '.hidden'));
  writeFileSync(join(folder, 'data', 'one.csv'), '');
  expect(texts('%cd d|')).toEqual({ items: ['data/'], start: 4, end: 5 });
  expect(texts('%cd data/o|')).toEqual({ items: ['data/one\\ two/'], start: 4, end: 10 });
  expect(texts('!cat data/o|')).toEqual({ items: ['data/one\\ two/', 'data/one.csv'], start: 5, end: 11 });
  expect(texts('!cat ~/.h|')).toEqual({ items: ['~/.hidden/'], start: 5, end: 9 });
  expect(texts('%cd nowhere/|')).toEqual({ items: [], start: 4, end: 12 });
});

test('%cd follows, remembers and refuses', async () => {
  const own = createMagicRegistry();
  const session = testSession({ directory: folder, environment: { HOME: folder, WHERE: 'data' } });
  mkdirSync(join(folder, 'data', 'one two'), { recursive: true });
  writeFileSync(join(folder, 'file'), '');
  const go = async (text: string): Promise<string> => {
    const { context, recorded } = call(text, session);
    await own.run(context);
    expect(recorded.stdout).toBe(`${session.directory.replace(folder, '~')}\n`);
    return session.directory;
  };
  await expect(go('%cd -')).rejects.toThrow('%cd -: there is no previous folder yet');
  expect(await go('%cd $WHERE')).toBe(join(folder, 'data'));
  expect(await go('%cd one two')).toBe(join(folder, 'data', 'one two'));
  expect(await go('%cd "../one two"')).toBe(join(folder, 'data', 'one two'));
  expect(await go('%cd')).toBe(folder);
  expect(await go('%cd -')).toBe(join(folder, 'data', 'one two'));
  expect(await go('%cd ~')).toBe(folder);
  await expect(go('%cd file')).rejects.toThrow(`%cd: ${folder}/file is a file, not a folder`);
  await expect(go('%cd nope')).rejects.toThrow(`%cd: no folder ${folder}/nope (now in ${folder})`);
  expect(session.directory).toBe(folder);
});

test('%env lists, shows and sets; secrets stay out of the notebook', async () => {
  const session = testSession({ environment: { B: '2', A: '1', API_TOKEN: 'x', NONE: undefined } });
  expect(await run('%env', session)).toBe('A=1\nAPI_TOKEN=<hidden>\nB=2\n');
  expect(await run('%env A', session)).toBe('1\n');
  expect(await run('%env C = ${A}$B', session)).toBe('env: C=12\n');
  expect(await run(`%env D '$A b'`, session)).toBe('env: D=$A b\n');
  expect(await run('%env MY_KEY=abc', session)).toBe('env: MY_KEY=<hidden>\n');
  expect(await run('%env E=', session)).toBe('env: E=\n');
  await expect(run('%env F', session)).rejects.toThrow('no environment variable F: set it with %env F=value');
  await run('%unset_env A', session);
  expect(session.environment).toEqual({
    A: undefined,
    B: '2',
    API_TOKEN: 'x',
    NONE: undefined,
    C: '12',
    D: '$A b',
    MY_KEY: 'abc',
    E: '',
  });
});

test('%who', async () => {
  const box = { key: 'k', assigned: false, assignedInFunction: false };
  const session = testSession({
    bindings: () => [
      { name: 'model', kind: 'const', ...box },
      { name: 'fs', kind: 'import', ...box, imported: { specifier: 'node:fs', name: '*' } },
      { name: 'join', kind: 'import', ...box, imported: { specifier: 'node:path', name: 'join' } },
      { name: 'Net', kind: 'class', ...box },
    ],
  });
  expect(await run('%who', session)).toBe(
    "Net    class\nfs     import * from 'node:fs'\njoin   import from 'node:path'\nmodel  const\n",
  );
  expect(await run('%who class const', session)).toBe('Net    class\nmodel  const\n');
  expect(await run('%who var', session)).toBe('No names of kind var.\n');
  expect(await run('%who')).toBe('No names yet.\n');
  await expect(run('%who type', session)).rejects.toThrow(
    '%who type: kinds of names are const, let, var, function, class, import',
  );
});

test('%typecheck', async () => {
  const session = testSession();
  expect(await run('%typecheck', session)).toBe(
    'typecheck: warn (type errors are shown below the cell and do not stop it)\n',
  );
  expect(await run('%typecheck error', session)).toBe(
    'typecheck: error (a cell with type errors does not run)\n',
  );
  expect(session.settings).toEqual({ typecheck: 'error' });
  await expect(run('%typecheck toString', session)).rejects.toThrow(
    '%typecheck toString: write warn, error, off',
  );
});

test('%%time runs the cell and passes its error on', async () => {
  const session = testSession();
  expect(await run('%%time\nlet a = 1;\na + 1', session)).toMatch(/^Wall time: [\d.]+ (µs|ms)\n$/);
  expect(session.ran).toEqual(['\nlet a = 1;\na + 1']);
  const error = { name: 'TypeError', message: 'no', traceback: ['TypeError: no'] };
  const failing = testSession({ outcome: { status: 'error', declared: [], error } });
  await expect(run('%%time\nx()', failing)).rejects.toMatchObject({ name: 'TypeError', cellError: error });
});

test('%restart, %%html, %%writefile', async () => {
  const session = testSession({ directory: folder });
  await run('%restart', session);
  expect(session.restarts).toEqual(['restarted by %restart']);
  const { context, recorded } = call('%%html\n<b>x</b>', session);
  await registry.run(context);
  expect(recorded.displays).toEqual([
    { payload: { data: { 'text/html': '<b>x</b>', 'text/plain': '<b>x</b>' }, metadata: {} }, update: false },
  ]);
  expect(await run('%%writefile a/b.txt\nx\ny', session)).toBe('Wrote a/b.txt\n');
  expect(await run('%%writefile -a a/b.txt\nz', session)).toBe('Appended to a/b.txt\n');
  expect(texts('%%writefile a/|')).toEqual({ items: ['a/b.txt'], start: 12, end: 14 });
});
