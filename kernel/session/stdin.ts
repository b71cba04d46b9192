/** Questions of a cell to the person at the front end. */
import type { ControlMessage, RuntimeMessage } from '../contracts/messages.ts';
import type { Incoming, Parent } from '../wire/codec.ts';
import { readContent } from '../wire/content.ts';
import type { InputRequest } from '../wire/messages.ts';
import type { Executions } from './executions.ts';
import type { Outbox } from './outbox.ts';

type Question = Extract<RuntimeMessage, { type: 'input' }>;
type Answer = Extract<ControlMessage, { type: 'input-reply' }>;

type Listener = (value: string | undefined) => void;

interface Asked {
  question: Question;
  parent: Parent;
  /** Gets the answer, if the question is not from the runtime process. */
  listener: Listener | undefined;
}

export class Stdin {
  readonly #outbox: Outbox;
  readonly #executions: Executions;
  readonly #answer: (answer: Answer, blocking: boolean) => void;
  #asked: Asked[] = [];

  constructor(options: {
    outbox: Outbox;
    executions: Executions;
    answer: (answer: Answer, blocking: boolean) => void;
  }) {
    this.#outbox = options.outbox;
    this.#executions = options.executions;
    this.#answer = options.answer;
  }

  /** The answer goes to the runtime process, or to `listener`: undefined when the front end allows no input. */
  ask(question: Question, listener?: Listener): void {
    const execution = this.#executions.find(question.execution);
    if (!execution?.allowStdin || !execution.running) {
      if (listener) {
        listener(undefined);
        return;
      }
      const error =
        execution?.running === false ? 'the cell has ended' : 'this front end does not allow input';
      this.#answer({ type: 'input-reply', id: question.id, value: undefined, error }, question.blocking);
      return;
    }
    const { prompt, password } = question;
    this.#asked.push({ question, parent: execution.parent, listener });
    this.#outbox.reply(
      'stdin',
      'input_request',
      { prompt, password } satisfies InputRequest,
      execution.parent,
    );
  }

  /** Clients of jupyter_client do not say which question they answer: the oldest that went to them, then. */
  receive(message: Incoming): boolean {
    const { value } = readContent('input_reply', message.content);
    const from = message.parent.identities[0];
    const at = this.#asked.findIndex(
      ({ parent }) => !from || !parent.identities[0] || parent.identities[0].equals(from),
    );
    const [asked] = at < 0 ? [] : this.#asked.splice(at, 1);
    if (!asked) return false;
    if (asked.listener) asked.listener(value);
    else this.#answer({ type: 'input-reply', id: asked.question.id, value }, asked.question.blocking);
    return true;
  }

  /** The cell was interrupted or has ended: an answer that still comes is ignored. */
  forget(execution: number): void {
    this.#asked = this.#asked.filter(({ question }) => question.execution !== execution);
  }

  forgetAll(): void {
    this.#asked = [];
  }
}
