import type { CommMessage, RuntimeMessage } from '../kernel/contracts/messages.ts';
import type { HostPayload, NotebookHost, SessionNames } from '../src/base/host.ts';
import { Comms } from './comms.ts';
import type { Execution } from './execution.ts';
import type { InputRequests } from './input.ts';
import type { Tracker } from './tracking.ts';

export interface NotebookHostServices {
  names: SessionNames;
  send: (message: RuntimeMessage) => void;
  tracker: Tracker;
  /** The execution of the calling code, or the best guess. */
  owner: () => Execution | undefined;
  find(id: number): Execution | undefined;
  input: InputRequests;
  /** Asks the kernel process. */
  request(execution: number, service: string, argument: unknown): Promise<unknown>;
  /** Set by the control thread the moment an interrupt arrives. */
  interruptPending(): boolean;
  /** The number of listeners for an interrupt has changed. */
  holdsChanged(): void;
}

export interface RuntimeNotebookHost extends NotebookHost {
  /** A comm message from the front end. */
  receiveComm(message: CommMessage): void;
  /** Runs the handler of a question. @throws Error when it has no handler */
  ask(question: string, argument: unknown): unknown;
}

export function createNotebookHost(services: NotebookHostServices): RuntimeNotebookHost {
  const { send, owner } = services;
  const answers = new Map<string, (argument: unknown) => unknown>();
  const ownerId = (): number => owner()?.id ?? 0;
  const comms = new Comms(send, ownerId);

  return {
    names: services.names,
    execution: ownerId,
    runIn: (execution, action) => services.tracker.run(services.find(execution), action),
    display(payload: HostPayload, options = {}) {
      send({
        type: 'display',
        execution: options.execution ?? ownerId(),
        payload,
        update: options.update ?? false,
      });
    },
    clearOutput(wait) {
      send({ type: 'clear', execution: ownerId(), wait });
    },
    input: (prompt, options) => services.input.ask(owner(), prompt, options.password),
    inputSync: (prompt) => services.input.askBlocking(owner(), prompt),
    openComm: (target, data, options) => comms.open(target, data, options),
    onComm: (target, handler) => comms.handle(target, handler),
    onInterrupt(listener) {
      const execution = owner();
      if (!execution) return () => {};
      execution.interruptListeners.add(listener);
      services.holdsChanged();
      return () => {
        execution.interruptListeners.delete(listener);
        services.holdsChanged();
      };
    },
    get interrupted() {
      const execution = owner();
      if (!execution) return false;
      return (
        execution.interrupted || execution.finishing || (!execution.ended && services.interruptPending())
      );
    },
    get unattended() {
      return owner()?.unattended ?? false;
    },
    onEnd(id, listener) {
      const execution = services.find(id);
      if (execution && !execution.ended) execution.endListeners.push(listener);
      else listener();
    },
    request: (service, argument) => services.request(ownerId(), service, argument),
    answer(question, handler) {
      answers.set(question, handler);
    },

    ask(question, argument) {
      const handler = answers.get(question);
      if (!handler) throw new Error(`the runtime process does not know the question '${question}'`);
      return handler(argument);
    },
    receiveComm: (message) => comms.receive(message),
  };
}
