// Cells of megabytes, of one kind of character or token each: every request is answered, and the control socket meanwhile.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { withKernel } from '../kernel/kernel-process.ts';
import { isSuspect } from '../../kernel/language/trial/index.ts';

const BYTES = Number(process.env['TENSORCELL_FAULTS_CELL'] ?? 300_000);
/** A request in all: twice the CPU time of a trial, on a machine that does other things too. */
const LIMIT_MS = 90_000;

const KINDS: Record<string, string> = {
  'blank lines': '\n',
  spaces: ' ',
  'line separators': '\u2028',
  'quotes, unclosed': '"',
  'templates in templates': '`${',
  parentheses: '(',
  'comments, unclosed': '/*',
  'lines of magics': '%a\n',
  'lines of commands': '!a\n',
  'type arguments': 'a<',
  'operators before a value': '!',
  'arrow functions': 'a=>',
  'a sum': '+a',
  identifiers: 'a',
  'regular expressions, unclosed': '=/[',
  emoji: '😀',
  statements: 'a;',
};

/** Sends a request and asks for kernel_info on control until it is answered. Returns the status of the reply. */
async function answered(client: JupyterClient, type: string, content: object): Promise<string> {
  const id = await client.send('shell', type, content);
  const finished = client.finish(id, 'shell', { ms: LIMIT_MS });
  await client.request('control', 'kernel_info_request', {}, { ms: LIMIT_MS });
  return String((await finished).reply!.content['status']);
}

for (const [name, unit] of Object.entries(KINDS)) {
  test(`${BYTES} bytes: ${name}`, { timeout: 4 * LIMIT_MS }, () =>
    withKernel(
      async (client) => {
        const code = unit.repeat(BYTES / unit.length);
        const cursor_pos = Array.from(code).length;
        const execute = {
          code,
          silent: false,
          store_history: true,
          user_expressions: {},
          allow_stdin: false,
        };
        assert.match(await answered(client, 'execute_request', execute), /^(?:ok|error)$/);
        assert.match(await answered(client, 'is_complete_request', { code }), /complete|invalid/);
        assert.match(await answered(client, 'complete_request', { code, cursor_pos }), /^(?:ok|error)$/);
        assert.match(
          await answered(client, 'inspect_request', { code, cursor_pos, detail_level: 0 }),
          /^(?:ok|error)$/,
        );
        client.drain('iopub');
        assert.equal((await client.cell('1 + 1', {}, { ms: LIMIT_MS })).result, '2');
        client.drain('iopub');
      },
      { mayLog: /^/ },
    ),
  );
}

test('a short cell is compiled without a trial, one that repeats itself is tried', () => {
  assert.equal(isSuspect('const a = 1;\n'.repeat(10)), false);
  assert.equal(isSuspect('('.repeat(3000)), true);
});
