// Every message of the specification, over real sockets: what comes back, in which order, and under which parent.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import type { Exchange, JupyterClient } from './jupyter-client.ts';
import { withKernel } from './kernel-process.ts';

test('a result: busy, input, result, reply, idle', () =>
  withKernel(async (client) => {
    const cell = await client.cell('1 + 1');
    assert.deepEqual(cell.order, ['busy', 'execute_input', 'execute_result', 'idle']);
    assert.deepEqual(cell.of('execute_input'), [{ code: '1 + 1', execution_count: 1 }]);
    assert.equal(cell.result, '2');
    assert.equal(cell.of('execute_result')[0]!['execution_count'], 1);
    assert.deepEqual(cell.reply, { status: 'ok', execution_count: 1, payload: [], user_expressions: {} });
  }));

test('kernel_info on shell and on control', () =>
  withKernel(async (client) => {
    const shell = await client.request('shell', 'kernel_info_request', {});
    const control = await client.request('control', 'kernel_info_request', {});
    const info = shell.reply!.content;
    assert.deepEqual(control.reply!.content, info);
    assert.deepEqual(
      { ...info, banner: typeof info['banner'], help_links: info['help_links'].length > 0 },
      {
        status: 'ok',
        protocol_version: '5.5',
        implementation: 'tensorcell',
        implementation_version: info['implementation_version'],
        language_info: {
          name: 'typescript',
          version: info['language_info'].version,
          mimetype: 'text/typescript',
          file_extension: '.ts',
          pygments_lexer: 'typescript',
          codemirror_mode: 'typescript',
          nbconvert_exporter: 'script',
        },
        banner: 'string',
        debugger: false,
        help_links: true,
        supported_features: ['kernel subshells'],
      },
    );
    assert.match(info['implementation_version'], /^\d+\.\d+\.\d+/);
    assert.match(info['language_info'].version, /^\d+\.\d+\.\d+/);
  }));

test('an error: its reply, its message, and the next cell', () =>
  withKernel(async (client) => {
    const cell = await client.cell('const before = 7;\nthrow new TypeError("no good");');
    assert.deepEqual(cell.order, ['busy', 'execute_input', 'error', 'idle']);
    const [error] = cell.of('error');
    assert.deepEqual([error!['ename'], error!['evalue']], ['TypeError', 'no good']);
    assert.deepEqual(cell.reply, {
      status: 'error',
      execution_count: 1,
      ename: 'TypeError',
      evalue: 'no good',
      traceback: error!['traceback'],
      payload: [],
      user_expressions: {},
    });
    assert.match(error!['traceback'].join('\n'), /2:\d+/, 'the traceback names line 2 of the cell');
    assert.equal((await client.cell('before')).result, '7');
  }));

test('a syntax error never runs, and says where', () =>
  withKernel(async (client) => {
    const cell = await client.cell('console.log("ran");\nconst = 5;');
    assert.deepEqual(cell.order, ['busy', 'execute_input', 'error', 'idle']);
    assert.equal(cell.reply['ename'], 'SyntaxError');
    assert.deepEqual(cell.reply['traceback'], [
      `\u001b[31mSyntaxError\u001b[39m: ${cell.reply['evalue']}`,
      '  1 | console.log("ran");',
      '> 2 | const = 5;',
      '    |       ^',
    ]);
  }));

test('silent: nothing but the statuses and the reply', () =>
  withKernel(async (client) => {
    const cell = await client.cell('console.log("x"); display("y"); globalThis.silent = 3; 1', {
      silent: true,
    });
    assert.deepEqual(cell.order, ['busy', 'idle']);
    assert.deepEqual(cell.reply, { status: 'ok', execution_count: 0, payload: [], user_expressions: {} });
    const failing = await client.cell('throw new Error("quiet")', { silent: true, stop_on_error: false });
    assert.deepEqual(failing.order, ['busy', 'idle']);
    assert.equal(failing.reply['ename'], 'Error');
    const next = await client.cell('silent');
    assert.equal(next.reply['execution_count'], 1);
    assert.equal(next.result, '3');
  }));

test('store_history false does not count; blank cells neither', () =>
  withKernel(async (client) => {
    const counts: number[] = [];
    for (const [code, store] of [
      ['1', true],
      ['2', false],
      ['  \n', true],
      ['3', true],
    ] as const) {
      counts.push((await client.cell(code, { store_history: store })).reply['execution_count']);
    }
    assert.deepEqual(counts, [1, 1, 1, 2]);
    const history = await client.request('shell', 'history_request', {
      hist_access_type: 'tail',
      n: 10,
      raw: true,
      output: false,
    });
    assert.deepEqual(
      history.reply!.content['history'].map(([, line, source]: [number, number, string]) => [line, source]),
      [
        [1, '1'],
        [2, '3'],
      ],
    );
  }));

test('user_expressions: values and errors, only when the cell ends well', () =>
  withKernel(async (client) => {
    const cell = await client.cell('const a = 20;', {
      user_expressions: { sum: 'a + 1', broken: 'a.b.c', wrong: '1 +' },
    });
    const { sum, broken, wrong } = cell.reply['user_expressions'];
    assert.equal(sum.status, 'ok');
    assert.equal(sum.data['text/plain'], '21');
    assert.deepEqual(sum.metadata, {});
    assert.deepEqual(
      [broken.status, broken.ename, Array.isArray(broken.traceback)],
      ['error', 'TypeError', true],
    );
    assert.deepEqual(
      [wrong.status, wrong.ename, Array.isArray(wrong.traceback)],
      ['error', 'SyntaxError', true],
    );
    assert.deepEqual(cell.order, ['busy', 'execute_input', 'idle']);
    const failing = await client.cell('throw 1', { user_expressions: { sum: 'a' } });
    assert.deepEqual(failing.reply['user_expressions'], {});
  }));

test('after an error the queued cells are aborted; with stop_on_error false they run', () =>
  withKernel(async (client) => {
    for (const stop of [true, false]) {
      const ids = [
        await client.startCell('throw new Error("first")', { stop_on_error: stop }),
        await client.startCell('1', {}),
        await client.startCell('2', {}),
      ];
      const cells = [];
      for (const id of ids) cells.push(await client.finishCell(id));
      assert.deepEqual(
        cells.map(({ reply }) => reply['status']),
        stop ? ['error', 'aborted', 'aborted'] : ['error', 'ok', 'ok'],
      );
      if (stop) assert.deepEqual(cells[1]!.order, ['busy', 'idle']);
    }
    assert.equal((await client.cell('"next"')).reply['status'], 'ok');
  }));

test('is_complete, with the indent of the next line', () =>
  withKernel(async (client) => {
    const answers: unknown[] = [];
    for (const code of ['1 + 1', 'function f() {', 'const = 4', 'f(', '`open']) {
      answers.push((await client.request('shell', 'is_complete_request', { code })).reply!.content);
    }
    assert.deepEqual(
      answers.map((answer: any) => answer.status),
      ['complete', 'incomplete', 'invalid', 'incomplete', 'incomplete'],
    );
    assert.match((answers[1] as any).indent, /^(\t| +)$/);
  }));

test('is_complete of statements that go on in the next line', () =>
  withKernel(async (client) => {
    for (const [code, status] of [
      ['try {\n1\n}', 'incomplete'],
      ['do {\n1\n}', 'incomplete'],
      ['x\n ? y', 'incomplete'],
      ['1 ?', 'incomplete'],
      ['import {a} from', 'incomplete'],
      ['{ a: 1 }.', 'incomplete'],
      ['function f(a: number): void', 'incomplete'],
      ['!echo \\', 'incomplete'],
      ['console.log?', 'complete'],
      ['??Array', 'complete'],
      ['x ?', 'incomplete'],
      ['{ a: 1 }.a', 'complete'],
      ['try {} x', 'invalid'],
    ])
      assert.equal(
        (await client.request('shell', 'is_complete_request', { code })).reply!.content['status'],
        status,
        code,
      );
  }));

test('exit and quit end a console, unless they are names of the session', () =>
  withKernel(async (client) => {
    const ended = [{ source: 'ask_exit', keepkernel: false }];
    for (const code of ['exit', 'quit', 'exit()', ' quit( ) ;\n']) {
      const { reply } = await client.cell(code);
      assert.deepEqual([reply['status'], reply['payload']], ['ok', ended], code);
    }
    for (const code of ['exit(1)', 'exits', 'exit.code'])
      assert.equal((await client.cell(code)).reply['ename'], 'ReferenceError', code);
    await client.cell('const exit = 5');
    const own = await client.cell('exit');
    assert.deepEqual([own.result, own.reply['payload']], ['5', []]);
  }));

test('a cell that begins with an object is an expression', () =>
  withKernel(async (client) => {
    for (const [code, result] of [
      ['{ a: 1 }', '{ a: 1 }'],
      ['{a: 1}.a', '1'],
      ['{ a: [1, 2] }.a.map((x) => x * 2)', '[ 2, 4 ]'],
      ['{ a: 1 }["a"] + 1', '2'],
      ['{ a: 1, ...{ b: 2 } }.b === 2 ? "yes" : "no"', "'yes'"],
      ['/* first */ { a: 1 }.a', '1'],
      ['let q = 1; { q = 2 }', undefined],
      ['{ q = 3; }\n[q][0]', '3'],
    ] as const)
      assert.equal((await client.cell(code)).result, result, code);
  }));

test('completion within a name replaces the rest of it', () =>
  withKernel(async (client) => {
    await client.cell('const 𝒳value = { abacus: 1, abc: 2 }');
    const code = '"😀"; 𝒳value.ab';
    const cursor = Array.from(code).length - 2;
    const { reply } = await client.request('shell', 'complete_request', { code, cursor_pos: cursor });
    const { matches, cursor_start, cursor_end } = reply!.content;
    assert.deepEqual([cursor_start, cursor_end], [cursor, cursor + 2]);
    assert.ok(matches.includes('abacus') && matches.includes('abc'));
  }));

test('completion: matches, positions in code points, types; also while a cell runs', () =>
  withKernel(async (client) => {
    await client.cell('const 𝒳counter = { hits: 1, misses: 2 };');
    const code = '"😀"; 𝒳counter.';
    const running = await client.startCell('for (;;);');
    await client.take('iopub', ({ type }) => type === 'execute_input', 'start of the cell');
    const { reply, iopub } = await complete(client, code);
    const { matches, cursor_start, cursor_end, metadata, status } = reply!.content;
    assert.equal(status, 'ok');
    assert.deepEqual([cursor_start, cursor_end], [Array.from(code).length, Array.from(code).length]);
    assert.deepEqual(
      matches.filter((match: string) => /hits|misses/.test(match)),
      ['hits', 'misses'],
    );
    const typed = metadata['_jupyter_types_experimental'].find(
      ({ text }: { text: string }) => text === 'hits',
    );
    assert.equal(typed.type, 'property');
    assert.deepEqual(
      iopub.map(({ content }) => content['execution_state']),
      ['busy', 'idle'],
    );
    // The status bar shows whatever status came last: the cell's busy is said again.
    const interrupt = await client.send('control', 'interrupt_request', {});
    const cell = await client.finish(running, 'shell');
    await client.finish(interrupt, 'control');
    const states = cell.iopub
      .filter(({ type }) => type === 'status')
      .map(({ content }) => content['execution_state']);
    assert.ok(states.length >= 3 && states.slice(0, -1).every((state) => state === 'busy'), states.join());
  }));

/** Asks again, as a person does, when TypeScript's server was not up in time. */
async function complete(client: JupyterClient, code: string): Promise<Exchange> {
  const end = Date.now() + 60_000;
  for (;;) {
    const answer = await client.request('shell', 'complete_request', {
      code,
      cursor_pos: Array.from(code).length,
    });
    if (answer.reply!.content['matches'].length > 0 || Date.now() > end) return answer;
  }
}

test('inspection: signature, documentation, current value; two levels', () =>
  withKernel(async (client) => {
    await client.cell(
      '/** Doubles it.\n *\n * At length. */\nfunction twice(n: number) { return 2 * n; }\nconst total = 42;',
    );
    const inspect = async (code: string, level: number) =>
      (
        await client.request('shell', 'inspect_request', {
          code,
          cursor_pos: code.length - 1,
          detail_level: level,
        })
      ).reply!.content;
    const total = await inspect('total', 0);
    assert.equal(total['found'], true);
    assert.match(total['data']['text/plain'], /total/);
    assert.match(total['data']['text/plain'], /value: 42/);
    const twice = await inspect('twice', 1);
    assert.match(twice['data']['text/plain'], /n: number/);
    assert.match(twice['data']['text/plain'], /Doubles it\./);
    const nothing = await inspect('nothingOfThatName', 0);
    assert.deepEqual(nothing, { status: 'ok', found: false, data: {}, metadata: {} });
  }));

test('comm_info, connect and debug requests', () =>
  withKernel(async (client) => {
    const comms = await client.request('shell', 'comm_info_request', {});
    assert.deepEqual(comms.reply!.content, { status: 'ok', comms: {} });
    const connect = await client.request('shell', 'connect_request', {});
    const { shell_port, iopub_port, stdin_port, control_port, hb_port } = client.connection;
    assert.deepEqual(connect.reply!.content, {
      status: 'ok',
      shell_port,
      iopub_port,
      stdin_port,
      control_port,
      hb_port,
    });
    const debug = await client.request('control', 'debug_request', {
      type: 'request',
      seq: 5,
      command: 'attach',
    });
    assert.deepEqual(debug.reply!.content, {
      type: 'response',
      request_seq: 5,
      success: false,
      command: 'attach',
      message: 'this kernel has no debugger yet',
    });
  }));

test('a request with wrong content gets an error reply between busy and idle', () =>
  withKernel(async (client) => {
    for (const [type, content, words] of [
      ['execute_request', {}, 'execute_request: code must be a string, not nothing'],
      [
        'complete_request',
        { code: 'a', cursor_pos: 'x' },
        'complete_request: cursor_pos must be an integer, not "x"',
      ],
      ['inspect_request', { code: 1 }, 'inspect_request: code must be a string, not 1'],
      [
        'history_request',
        { hist_access_type: 'dig' },
        'history_request: hist_access_type must be one of range, tail, search, not "dig"',
      ],
      ['is_complete_request', {}, 'is_complete_request: code must be a string, not nothing'],
    ] as const) {
      const { reply } = await client.request('shell', type, content);
      assert.deepEqual(reply!.content, {
        status: 'error',
        ename: 'WireError',
        evalue: words,
        traceback: [`WireError: ${words}`],
      });
    }
    assert.equal((await client.cell('1')).reply['status'], 'ok');
  }));

test('messages that are wrong in form are dropped without a word to anybody', () =>
  withKernel(
    async (client) => {
      const { frames } = client.frames('execute_request', { code: 'console.log("never")' });
      const [delimiter, signature, ...parts] = frames;
      await client.sendFrames('shell', [delimiter!, Buffer.from('0'.repeat(64)), ...parts]);
      await client.sendFrames('shell', [delimiter!, Buffer.alloc(0), ...parts]);
      await client.sendFrames('shell', parts);
      await client.sendFrames('shell', frames.slice(0, 4));
      await client.sendFrames('control', [
        delimiter!,
        signature!,
        ...parts.with(3, Buffer.from('{"code":"changed"}')),
      ]);
      await client.send('shell', 'make_coffee_request', {});
      await client.send('shell', 'input_reply', { value: 'nobody asked' });
      await client.send('stdin', 'execute_request', { code: 'console.log("wrong channel")' });
      assert.equal((await client.cell('1')).result, '1');
    },
    { mayLog: /message dropped|unexpected reply/ },
  ));

test('a replayed message is dropped', () =>
  withKernel(
    async (client) => {
      const { id, frames } = client.frames('execute_request', {
        code: 'globalThis.runs = (globalThis.runs ?? 0) + 1',
      });
      await client.sendFrames('shell', frames);
      await client.finishCell(id);
      await client.sendFrames('shell', frames);
      assert.equal((await client.cell('globalThis.runs')).result, '1');
    },
    { mayLog: /was used before/ },
  ));

test('two clients see one session: each reply goes to its own, iopub to both', () =>
  withKernel(async (one, kernel) => {
    const two = await kernel.client();
    await one.take('iopub', ({ type }) => type === 'iopub_welcome', 'second welcome');
    const cell = await one.cell('const shared = 5; shared');
    for (const state of cell.order) {
      const message = await two.take('iopub', ({ parent }) => parent === cell.id, state);
      assert.equal(message.type === 'status' ? message.content['execution_state'] : message.type, state);
    }
    const answer = await two.cell('shared + 1');
    assert.equal(answer.result, '6');
    assert.equal(answer.reply['execution_count'], 2);
    for (const state of answer.order) await one.take('iopub', ({ parent }) => parent === answer.id, state);
    // The shutdown of the first client is seen by the second, too.
    two.close();
  }));
