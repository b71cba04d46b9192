import type { MainMessage, RuntimeMessage } from '../kernel/contracts/messages.ts';
import { ReportedError } from './reported-error.ts';

type Reply = Extract<MainMessage, { type: 'magic-reply' }>;

/** Requests of this process to the kernel process, until the answer comes. */
export class KernelRequests {
  readonly #send: (message: RuntimeMessage) => void;
  readonly #waiting = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: unknown) => void }
  >();
  #last = 0;

  constructor(send: (message: RuntimeMessage) => void) {
    this.#send = send;
  }

  magic(execution: number, name: string, line: string): Promise<unknown> {
    return this.#ask((id) => ({ type: 'magic', id, execution, name, line }));
  }

  /** Has the kernel process do something for the library. */
  service(execution: number, service: string, argument: unknown): Promise<unknown> {
    return this.#ask((id) => ({ type: 'request', id, execution, service, argument }));
  }

  #ask(message: (id: number) => RuntimeMessage): Promise<unknown> {
    const id = ++this.#last;
    const reply = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
    this.#send(message(id));
    return reply;
  }

  reply(message: Reply): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.ok) waiting?.resolve(message.value);
    else waiting?.reject(new ReportedError(message.error));
  }
}
