// Terminal features that programs expect: questions on standard input, colours, lines that are drawn again.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { JupyterClient } from './jupyter-client.ts';
import { withKernel } from './kernel-process.ts';

async function answer(client: JupyterClient, value: string): Promise<void> {
  const question = await client.take('stdin', ({ type }) => type === 'input_request', 'input_request');
  assert.equal(question.content['password'], false);
  await client.send('stdin', 'input_reply', { value });
}

const ONCE = 'await new Promise<string>((done) => process.stdin.once("data", (text) => done(String(text))))';

/** Programs that read lines, each with the answers it is given and its result. */
const READERS: [name: string, code: string, answers: string[], result: string][] = [
  [
    'readline.question',
    `import { createInterface } from 'node:readline';
const lines = createInterface({ input: process.stdin, output: process.stdout });
const name = await new Promise<string>((done) => lines.question('Name? ', done));
lines.close();
name`,
    ['Ada'],
    "'Ada'",
  ],
  [
    'readline/promises, two questions',
    `import { createInterface as ask } from 'node:readline/promises';
const both = ask({ input: process.stdin, output: process.stdout });
const first = await both.question('First? ');
const second = await both.question('Second? ');
both.close();
[first, second]`,
    ['a', 'b'],
    "[ 'a', 'b' ]",
  ],
  [
    'an event',
    `process.stdin.resume();
const line = await new Promise<string>((done) => process.stdin.once('data', (text) => done(String(text))));
process.stdin.pause();
line`,
    ['typed'],
    "'typed\\n'",
  ],
  ['an event, the stream left as it is', ONCE, ['first'], "'first\\n'"],
  ['the same in the next cell', ONCE, ['second'], "'second\\n'"],
  [
    'a loop over chunks',
    `const chunks: string[] = [];
for await (const chunk of process.stdin) { chunks.push(String(chunk)); if (chunks.length === 2) break; }
chunks`,
    ['a', 'b'],
    "[ 'a\\n', 'b\\n' ]",
  ],
  [
    'a loop over lines',
    `import { createInterface as open } from 'node:readline';
const all: string[] = [];
for await (const each of open({ input: process.stdin })) { all.push(each); if (all.length === 2) break; }
all`,
    ['x', 'y'],
    "[ 'x', 'y' ]",
  ],
  ['an event after all of these', ONCE, ['last'], "'last\\n'"],
];

/** After a loop, whose listener Node would leave in place the second time. */
const AFTER_LOOPS: typeof READERS = [
  [
    'a loop over chunks',
    `const chunks: string[] = [];
for await (const chunk of process.stdin) { chunks.push(String(chunk)); if (chunks.length === 2) break; }
chunks`,
    ['a', 'b'],
    "[ 'a\\n', 'b\\n' ]",
  ],
  [
    'readable after a loop',
    `const line = await new Promise<string>((done) => {
  process.stdin.on('readable', function take() {
    const text = process.stdin.read();
    if (text === null) return;
    process.stdin.off('readable', take);
    done(String(text));
  });
});
line`,
    ['r'],
    "'r\\n'",
  ],
  [
    'a second loop, and what reads after it',
    `for await (const chunk of process.stdin) if (String(chunk) === 'last\\n') break;
await new Promise<string>((done) => process.stdin.once('data', (text) => done(String(text))))`,
    ['first', 'last', 'after'],
    "'after\\n'",
  ],
  ['an event after that', ONCE, ['again'], "'again\\n'"],
];

for (const [title, readers] of [
  ['reading process.stdin asks the front end', READERS],
  ['reading process.stdin after a loop that has ended asks the front end', AFTER_LOOPS],
] as const)
  test(title, async (t) => {
    await withKernel(async (client) => {
      for (const [name, code, answers, result] of readers) {
        await t.test(name, async () => {
          const id = await client.startCell(code);
          for (const value of answers) await answer(client, value);
          assert.equal((await client.finishCell(id)).result, result);
        });
      }
      assert.equal((await client.cell('1 + 1')).result, '2');
    });
  });

test('without a front end that takes input a reader fails at once, and the error names input()', () =>
  withKernel(async (client) => {
    const cell = await client.cell(READERS[0]![1], { allow_stdin: false });
    assert.equal(cell.reply['status'], 'error');
    assert.match(
      cell.reply['evalue'],
      /does not support input, so input\(\), prompt\(\) and process\.stdin cannot ask for it/,
    );
  }));

/** Other ways to read standard input. */
const FILES: [name: string, code: string][] = [
  ['readFileSync(0)', `require('fs').readFileSync(0, 'utf8')`],
  [
    'readFileSync of /dev/stdin',
    `import { readFileSync } from 'node:fs'; readFileSync('/dev/stdin', 'utf8')`,
  ],
  ['readFileSync of /proc/self/fd/0', `require('node:fs').readFileSync('/proc/self/fd/0')`],
  ['readFileSync of a URL', `require('fs').readFileSync(new URL('file:///dev/stdin'))`],
  ['readSync(0)', `require('fs').readSync(0, Buffer.alloc(1))`],
  ['openSync', `require('fs').openSync('/dev/stdin', 'r')`],
  ['readFile with a callback', `await require('util').promisify(require('fs').readFile)('/dev/stdin')`],
  ['open with a callback', `await require('util').promisify(require('fs').open)('/dev/stdin')`],
  [
    'read with a callback',
    `await require('util').promisify(require('fs').read)(0, Buffer.alloc(1), 0, 1, null)`,
  ],
  ['promises.readFile', `import { readFile } from 'node:fs/promises'; await readFile('/dev/stdin')`],
  ['promises.open', `await require('fs').promises.open('/dev/fd/0')`],
  [
    'createReadStream',
    `import { createReadStream } from 'node:fs'; for await (const chunk of createReadStream('/dev/stdin')) chunk`,
  ],
  [
    'createReadStream of descriptor 0',
    `for await (const chunk of require('fs').createReadStream('', { fd: 0 })) chunk`,
  ],
  ['new tty.ReadStream(0)', `import { ReadStream } from 'node:tty'; new ReadStream(0)`],
  ['tty.ReadStream of a package', `const tty = require('tty'); new tty.ReadStream(0)`],
];

test('standard input as a file or a terminal is refused, and the error names input()', async (t) => {
  await withKernel(async (client) => {
    for (const [name, code] of FILES)
      await t.test(name, async () => {
        const cell = await client.cell(code, { stop_on_error: false });
        assert.match(
          String(cell.reply['evalue']),
          /standard input is not a file in a notebook.*`await input\(/,
        );
      });
    const others = await client.cell(`import { openSync, readFileSync, readSync } from 'node:fs';
const file = openSync('connection.json', 'r');
[readSync(file, Buffer.alloc(1)), readFileSync('connection.json', 'utf8')[0], readFileSync.name]`);
    assert.equal(others.result, "[ 1, '{', 'readFileSync' ]");
    // A child process finds it empty, as programs do that have no input.
    assert.equal(
      (
        await client.cell(
          `require('child_process').execSync('cat', { stdio: [0, 'pipe', 'inherit'] }).length`,
        )
      ).result,
      '0',
    );
  });
});

test('colours, columns and cursor movements', async () => {
  await withKernel(async (client) => {
    const terminal = await client.cell(
      `import { isatty } from 'node:tty';
console.log(process.stdout.isTTY, process.stdout.hasColors(), process.stdout.getColorDepth(), process.stdout.columns, isatty(1))`,
    );
    assert.equal(terminal.stdout, 'true true 8 80 true\n');
    // A program that executes the notebook has no use for lines that are drawn again.
    assert.equal((await client.cell('process.stdout.isTTY', { allow_stdin: false })).result, 'false');
    const bar = await client.cell(
      `import { clearLine, cursorTo } from 'node:readline';
for (const text of ['first text', 'second']) {
  cursorTo(process.stdout, 0);
  clearLine(process.stdout, 0);
  process.stdout.write(text);
}
process.stdout.write('\\n');`,
    );
    assert.equal(drawn(bar.stdout), 'second\n');
    const own = await client.cell(
      `process.stdout.write('abcdef'); process.stdout.cursorTo(2); process.stdout.write('X'); process.stdout.clearLine(1); console.log('.')`,
    );
    assert.equal(drawn(own.stdout), 'abX.\n');
  });
});

/** Text as JupyterLab shows it: a carriage return overwrites the line. */
function drawn(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      let shown = '';
      for (const part of line.split('\r')) shown = part + shown.slice(part.length);
      return shown.trimEnd();
    })
    .join('\n');
}

test('console.clear() clears the output', () =>
  withKernel(async (client) => {
    const cell = await client.cell('console.log("a"); console.clear(); console.log("b")');
    assert.deepEqual(cell.order, ['busy', 'execute_input', 'stdout', 'clear_output', 'stdout', 'idle']);
  }));
