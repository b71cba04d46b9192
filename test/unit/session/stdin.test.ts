import { Executions } from '../../../kernel/session/executions.ts';
import { Stdin } from '../../../kernel/session/stdin.ts';
import type { Incoming, Parent } from '../../../kernel/wire/codec.ts';

function parent(id: string, identity: string): Parent {
  const header = {
    msg_id: id,
    msg_type: 'execute_request',
    session: '',
    username: '',
    date: '',
    version: '5.3',
  };
  return { header, raw: Buffer.from(JSON.stringify(header)), identities: [Buffer.from(identity)] };
}

function setUp() {
  const events: unknown[] = [];
  const executions = new Executions();
  const stdin = new Stdin({
    executions,
    outbox: {
      reply: (channel, type, content, to) => events.push([channel, type, content, to.header.msg_id]),
    },
    answer: (answer, blocking) => events.push([answer.id, answer.value, answer.error, blocking]),
  });
  const begin = (id: string, allowStdin: boolean) =>
    executions.begin({ parent: parent(id, `client ${id}`), count: 1, silent: false, allowStdin });
  const reply = (value: string, from: string): Incoming => ({
    type: 'input_reply',
    parent: parent('r', from),
    answers: undefined,
    metadata: {},
    content: { value },
    buffers: [],
  });
  return { events, stdin, begin, reply };
}

const question = (id: number, execution: number, blocking = false) =>
  ({ type: 'input', id, execution, prompt: 'Name?', password: false, blocking }) as const;

test('the question goes to the client of the cell, the answer to the runtime', () => {
  const { events, stdin, begin, reply } = setUp();
  const a = begin('a', true);
  const b = begin('b', true);
  stdin.ask(question(1, a.id));
  stdin.ask(question(2, b.id, true));
  expect(stdin.receive(reply('from b', 'client b'))).toBe(true);
  expect(stdin.receive(reply('from a', 'client a'))).toBe(true);
  expect(stdin.receive(reply('again', 'client a'))).toBe(false);
  expect(events).toEqual([
    ['stdin', 'input_request', { prompt: 'Name?', password: false }, 'a'],
    ['stdin', 'input_request', { prompt: 'Name?', password: false }, 'b'],
    [2, 'from b', undefined, true],
    [1, 'from a', undefined, false],
  ]);
});

test('without a front end that allows it, or after the cell, there is no question', () => {
  const { events, stdin, begin } = setUp();
  stdin.ask(question(1, begin('a', false).id));
  const ended = begin('b', true);
  ended.running = false;
  stdin.ask(question(2, ended.id));
  expect(events).toEqual([
    [1, undefined, 'this front end does not allow input', false],
    [2, undefined, 'the cell has ended', false],
  ]);
});

test('an answer after an interrupt is ignored', () => {
  const { stdin, begin, reply } = setUp();
  const a = begin('a', true);
  stdin.ask(question(1, a.id));
  stdin.forget(a.id);
  expect(stdin.receive(reply('late', 'client a'))).toBe(false);
});
