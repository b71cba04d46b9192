import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { givenServer, startServer } from '../../cli/server.ts';
import { notebookJson, type NotebookCell } from '../notebooks/notebook-file.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-notebook-'));
after(async () => {
  await (await shared)?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** One server for the runs whose server is not under test: starting one takes seconds. */
let shared: ReturnType<typeof startServer> | undefined;
async function there(): Promise<string[]> {
  shared ??= startServer(join(root, '.venv'), folder);
  const { url, token } = await shared;
  return ['--server', `${url}lab?token=${token}`];
}

function write(name: string, cells: readonly NotebookCell[]): string {
  const path = join(folder, name);
  writeFileSync(path, notebookJson(cells));
  return path;
}

/** `tensorcell run …`; `onOutput` sees what cells print while they run. */
function run(
  args: string[],
  onOutput: (text: string, interrupt: () => void) => void = () => {},
): Promise<{ code: number | null; out: string; err: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'run', ...args], { cwd: folder });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      onOutput(out, () => child.kill('SIGINT'));
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

test('run executes a notebook with parameters, prints what its cells print, and writes the executed copy', async () => {
  const path = write('parameters.ipynb', [
    { source: "let epochs = 1;\nlet name = 'nobody';\nlet list = [0];", tags: ['parameters'] },
    'console.log(epochs + 1, name, list);',
    'epochs * 10',
  ]);
  const before = readFileSync(path, 'utf8');
  const copy = join(folder, 'executed.ipynb');
  const done = await run([
    path,
    '-p',
    'epochs',
    '5',
    '-p',
    'name',
    'Ada',
    '-p',
    'list',
    '[1, 2]',
    '--output',
    copy,
  ]);
  assert.deepEqual([done.code, done.out], [0, '6 Ada [ 1, 2 ]\n50\n']);
  assert.match(done.err, /\[3\/4\] console\.log\(epochs \+ 1, name, list\);\n {6}\d+\.\d s\n/);
  assert.equal(readFileSync(path, 'utf8'), before);
  const cells = JSON.parse(readFileSync(copy, 'utf8')).cells.map(
    (cell: { source: string; outputs: unknown; execution_count: number }) => [
      cell.source,
      cell.execution_count,
      cell.outputs,
    ],
  );
  assert.deepEqual(cells.slice(1), [
    ['let epochs = 5;\nlet name = "Ada";\nlet list = [1,2];', 2, []],
    [
      'console.log(epochs + 1, name, list);',
      3,
      [{ output_type: 'stream', name: 'stdout', text: '6 Ada [ 1, 2 ]\n' }],
    ],
    [
      'epochs * 10',
      4,
      [{ output_type: 'execute_result', data: { 'text/plain': '50' }, metadata: {}, execution_count: 4 }],
    ],
  ]);
});

test('an error in a cell stops it, is shown, and the exit code is 1', async () => {
  const path = write('error.ipynb', [
    "console.log('one')",
    "throw new TypeError('not this')",
    "console.log('never')",
  ]);
  const done = await run([path, ...(await there())]);
  assert.deepEqual([done.code, done.out], [1, 'one\n']);
  assert.match(done.err, /TypeError.*: not this/);
  assert.match(done.err, /the notebook stopped at cell 2: throw new TypeError\('not this'\)\n$/);
});

test('Ctrl-C interrupts the cell, and the exit code is 130', async () => {
  const path = write('loop.ipynb', ["console.log('started');\nwhile (true);"]);
  let sent = false;
  const done = await run([path], (out, interrupt) => {
    if (!sent && out.includes('started')) interrupt();
    sent ||= out.includes('started');
  });
  assert.equal(done.code, 130);
  assert.match(done.err, /Interrupted/);
});

test('run uses a server that is there already', async () => {
  const path = write('given.ipynb', ["console.log('there')"]);
  const server = await there();
  const done = await run([path, ...server]);
  assert.deepEqual([done.code, done.out], [0, 'there\n']);
  const { url, token } = await shared!;
  const kernels = await fetch(`${url}api/kernels?token=${token}`);
  assert.deepEqual(await kernels.json(), []);
  const wrong = await run([path, '--server', `${url}?token=wrong`]);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /tensorcell: http:.* did not start the kernel "tensorcell": .+\n$/);
});

test("a server's address is taken as Jupyter prints it", () => {
  const { url, token } = givenServer('http://gpu:8888/user/ada/lab/tree/x?token=abc');
  assert.deepEqual([url, token], ['http://gpu:8888/user/ada/', 'abc']);
});

test('a file that is not a notebook gets an error, and nothing is started', async () => {
  const path = join(folder, 'no.ipynb');
  writeFileSync(path, '{}');
  const done = await run([path]);
  assert.deepEqual(done, {
    code: 1,
    out: '',
    err: `tensorcell: ${path} is not a notebook of format 4: open and save it in JupyterLab\n`,
  });
  assert.match((await run([join(folder, 'absent.ipynb')])).err, /cannot read .*absent.ipynb/);
  assert.ok(!existsSync(join(folder, 'absent.ipynb')));
});

test('an error that no code handles ends the run with 1, also after the last cell', async () => {
  const path = write('floating.ipynb', [
    "console.log('one')",
    "void (async () => { await new Promise((done) => setTimeout(done, 50)); throw new Error('floating'); })();",
  ]);
  const done = await run([path, ...(await there())]);
  assert.deepEqual([done.code, done.out], [1, 'one\n']);
  assert.match(done.err, /floating/);
  assert.match(done.err, /in cell 2: no code awaits or catches it/);
});

test('output and type errors of an executed notebook are in its copy', async () => {
  const path = write('late.ipynb', [
    "setTimeout(() => console.log('late'), 200);",
    'const text: string = 5;',
  ]);
  const copy = join(folder, 'late-executed.ipynb');
  assert.equal((await run([path, '--output', copy, ...(await there())])).code, 0);
  const [late, wrong] = JSON.parse(readFileSync(copy, 'utf8')).cells;
  assert.deepEqual(late.outputs, [{ output_type: 'stream', name: 'stdout', text: 'late\n' }]);
  assert.match(wrong.outputs[0].text, /not assignable to type 'string'/);
});

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGKILL', null],
] as const) {
  test(`${signal} leaves no server, no kernel and no folder behind`, async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'tensorcell-signal-'));
    const path = write(`${signal}.ipynb`, ["console.log('started');\nwhile (true);"]);
    const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'run', path], {
      cwd: folder,
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (text: Buffer) => {
        if (text.toString().includes('started')) resolve();
      });
    });
    const left = (): string[] => processesWith(`TMPDIR=${temporary}`);
    assert.ok(left().length >= 3, 'server, kernel and runtime process run');
    child.kill(signal);
    assert.equal(await ended, code);
    for (let waited = 0; left().length > 0 && waited < 200; waited++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.deepEqual(left(), []);
    assert.deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith('tensorcell-run-')),
      [],
    );
    rmSync(temporary, { recursive: true, force: true });
  });
}

/** Command lines of the processes whose environment holds `assignment`. */
function processesWith(assignment: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      return environment.includes(assignment) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
    } catch {
      return [];
    }
  });
}
