/** Long cells of one kind of character or token each, and what must hold while a kernel reads one. */
import { strict as assert } from 'node:assert';
import { executeContent, type JupyterClient } from '../kernel/jupyter-client.ts';

/** The code that a cell repeats. */
export const KINDS: Record<string, string> = {
  'blank lines': '\n',
  spaces: ' ',
  tabs: '\t',
  'carriage returns': '\r',
  'CRLF line ends': '\r\n',
  'line separators': '\u2028',
  'spaces at line ends': '  \n',
  'double quotes': '"',
  'single quotes': "'",
  backticks: '`',
  backslashes: '\\',
  'templates in templates': '`${',
  'whole templates': '`${1}`;',
  slashes: '/',
  'regular expressions': '/a/;',
  'regular expressions, unclosed': '=/[',
  'block comments, unclosed': '/*',
  'block comments': '/* */ ',
  'line comments': '// a\n',
  'less than': '<',
  'type arguments': 'a<',
  'type arguments and calls': 'a<b<(',
  'casts or elements': '<a>',
  'elements of JSX': '<a>b</a>',
  parentheses: '(',
  'square brackets': '[',
  braces: '{',
  'closing parentheses': ')',
  'closing braces': '}',
  'assignments in parentheses': '(a=',
  'exclamation marks': '!',
  'percent signs': '%',
  'cell magics': '%%',
  'lines of magics': '%a\n',
  'lines of known magics': '%pwd\n',
  'lines of commands': '!true\n',
  'lines that go on': '!a \\\n',
  'question marks': '?',
  semicolons: ';',
  digits: '1',
  'one identifier': 'a',
  'statements of one name': 'a;',
  'names in lines': 'abc\n',
  emoji: '😀',
  'lone surrogates': '\ud800',
  'null characters': '\0',
  'other letters': 'é',
  decorators: '@a ',
  'arrow functions': 'a=>',
  'member accesses': 'a.b.',
  'optional accesses': 'a?.',
  conditions: 'a?b:',
  'conditions, open': 'a?',
  'a sum': '+ 1 ',
  operators: '+ + + ',
  'awaits of awaits': 'await ',
  labels: 'a:',
  assignments: 'a=',
  'if statements': 'if(a)',
  'functions in functions': 'function f(){',
  'classes in classes': 'class A{a=',
  'object types': 'let a:{',
  declarations: 'var a;\n',
  'words of imports': 'import ',
  commas: 'a,',
  dots: '.',
};

/** Of these the reply says what is wrong. */
const NESTED = new Set([
  'templates in templates',
  'parentheses',
  'square brackets',
  'braces',
  'arrow functions',
  'labels',
  'assignments',
  'if statements',
  'functions in functions',
  'classes in classes',
]);

export function cellOf(unit: string, units: number): string {
  return unit.repeat(Math.ceil(units / unit.length));
}

/** Asks on control, and for heartbeats, until requests have ended. Long cells are interrupted. */
async function watched(
  client: JupyterClient,
  requests: readonly { type: string; content: object }[],
  { interruptAfterMs, ms }: Limits,
): Promise<{ silentMs: number; replies: Record<string, any>[] }> {
  const began = performance.now();
  const left = new Set<string>();
  const finished = [];
  for (const { type, content } of requests) {
    const id = await client.send('shell', type, content);
    left.add(id);
    finished.push(client.finish(id, 'shell', { ms }).finally(() => left.delete(id)));
  }
  const all = Promise.all(finished);
  all.catch(() => undefined);
  let silentMs = 0;
  let interrupted = false;
  do {
    const asked = performance.now();
    await Promise.all([client.heartbeat(ms), client.request('control', 'kernel_info_request', {}, { ms })]);
    silentMs = Math.max(silentMs, performance.now() - asked);
    if (!interrupted && left.size > 0 && performance.now() - began > interruptAfterMs) {
      interrupted = true;
      await client.request('control', 'interrupt_request', {}, { ms });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  } while (left.size > 0);
  return { silentMs, replies: (await all).map(({ reply }) => reply!.content) };
}

export interface Limits {
  interruptAfterMs: number;
  /** For each request. */
  ms: number;
}

/**
 * Everything that a client may ask about a cell, and a cell after it.
 * @returns how long control and heartbeat were silent, and what came of the cell
 */
export async function askAll(
  client: JupyterClient,
  name: string,
  code: string,
  limits: Limits,
): Promise<{ silentMs: number; outcome: string }> {
  const cursor_pos = Array.from(code).length;
  const ran = await watched(client, [{ type: 'execute_request', content: executeContent(code) }], limits);
  const cell = ran.replies[0]!;
  assert.match(cell['status'], /^(?:ok|error)$/);
  if (NESTED.has(name)) {
    assert.equal(cell['status'], 'error');
    assert.match(cell['evalue'], /nest|within \d+ s|interrupted/, `the error of ${name}`);
  }
  const asked = await watched(
    client,
    [
      { type: 'is_complete_request', content: { code } },
      { type: 'complete_request', content: { code, cursor_pos } },
      { type: 'inspect_request', content: { code, cursor_pos, detail_level: 0 } },
    ],
    limits,
  );
  const [complete, completion, inspection] = asked.replies;
  assert.match(complete!['status'], /^(?:complete|incomplete|invalid)$/);
  assert.equal(completion!['status'], 'ok');
  assert.equal(inspection!['status'], 'ok');
  const later = await client.cell('1 + 1', {}, { ms: limits.ms });
  assert.equal(later.result, '2', `1 + 1 after ${name}`);
  client.drain('iopub');
  return {
    silentMs: Math.max(ran.silentMs, asked.silentMs),
    outcome: `${cell['status']} ${String(cell['evalue'] ?? '').slice(0, 150)}; ${complete!['status']}`,
  };
}
