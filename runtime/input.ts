import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import type { RuntimeMessage } from '../kernel/contracts/messages.ts';
import { Shared, type BlockingAnswer } from '../kernel/channel/control-link.ts';
import type { Execution } from './execution.ts';

/** The front end does not take questions, or did not answer one. */
export class InputError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'InputError';
    this.code = code;
  }
}

const NO_STDIN =
  'this front end does not support input, so input(), prompt() and process.stdin cannot ask for it: run the notebook in JupyterLab, or set the value in the cell';

/** Questions to the person at the front end. */
export class InputRequests {
  readonly #send: (message: RuntimeMessage) => void;
  readonly #state: Int32Array;
  readonly #answers: MessagePort;
  readonly #waiting = new Map<
    number,
    { resolve: (value: string) => void; reject: (error: Error) => void; execution: Execution }
  >();
  #last = 0;

  constructor(send: (message: RuntimeMessage) => void, shared: SharedArrayBuffer, answers: MessagePort) {
    this.#send = send;
    this.#state = new Int32Array(shared);
    this.#answers = answers;
  }

  /** @throws InputError (rejects) when the front end takes no input */
  async ask(execution: Execution | undefined, prompt: string, password: boolean): Promise<string> {
    const owner = this.#allowed(execution);
    const id = ++this.#last;
    const answer = new Promise<string>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, execution: owner });
    });
    this.#send({ type: 'input', id, execution: owner.id, prompt, password, blocking: false });
    return answer;
  }

  /** Stops the thread until the answer is there. An interrupt terminates the wait. */
  askBlocking(execution: Execution | undefined, prompt: string): string | undefined {
    const owner = this.#allowed(execution);
    const id = ++this.#last;
    let seen = Atomics.load(this.#state, Shared.answers);
    this.#send({ type: 'input', id, execution: owner.id, prompt, password: false, blocking: true });
    for (;;) {
      for (;;) {
        const received = receiveMessageOnPort(this.#answers);
        if (!received) break;
        const answer = received.message as BlockingAnswer;
        // Answers to questions that an interrupt ended are ignored.
        if (answer.id !== id) continue;
        if (answer.error !== undefined) throw new InputError('INPUT_FAILED', answer.error);
        return answer.value;
      }
      Atomics.wait(this.#state, Shared.answers, seen);
      seen = Atomics.load(this.#state, Shared.answers);
    }
  }

  reply(id: number, value: string | undefined, error: string | undefined): void {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    if (error !== undefined) waiting.reject(new InputError('INPUT_FAILED', error));
    else waiting.resolve(value ?? '');
  }

  /** @throws InputError when the front end of this cell takes no input */
  check(execution: Execution | undefined): void {
    this.#allowed(execution);
  }

  #allowed(execution: Execution | undefined): Execution {
    if (!execution || !execution.allowStdin || execution.ended) throw new InputError('NO_STDIN', NO_STDIN);
    return execution;
  }
}
