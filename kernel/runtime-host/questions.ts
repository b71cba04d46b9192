/** Questions to the runtime process that have no answer yet. */
import type { RuntimeMessage } from '../contracts/messages.ts';
import { RuntimeError } from './failures.ts';

/** A message that answers a question. */
export type Answer = Extract<RuntimeMessage, { type: 'evaluated' | 'inspected' | 'answered' }>;

interface Question {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

export class Questions {
  readonly #open = new Map<number, Question>();
  #last = 0;

  /**
   * The answer to a question, which `send` passes on under the number that it is given.
   *
   * @param timeoutMs unlimited when left out
   * @throws RuntimeError when the process does not answer in time, or ended
   */
  ask(send: (id: number) => void, timeoutMs?: number): Promise<Answer> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      if (timeoutMs !== undefined)
        timer = setTimeout(() => {
          const why = `the runtime process is busy: no answer within ${timeoutMs} ms`;
          this.fail(id, new RuntimeError('timeout', why));
        }, timeoutMs);
      this.#open.set(id, {
        resolve(answer) {
          clearTimeout(timer);
          resolve(answer);
        },
        reject(error) {
          clearTimeout(timer);
          reject(error);
        },
      });
      send(id);
    });
  }

  settle(answer: Answer): void {
    this.#open.get(answer.id)?.resolve(answer);
    this.#open.delete(answer.id);
  }

  fail(id: number, error: Error): void {
    this.#open.get(id)?.reject(error);
    this.#open.delete(id);
  }

  failAll(error: Error): void {
    for (const id of this.#open.keys()) this.fail(id, error);
  }
}
