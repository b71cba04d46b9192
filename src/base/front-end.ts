import { notebookHost } from './host.ts';
import type { HostComm } from './host.ts';

/** A request that needs a notebook's front end where there is none. */
export class NoFrontEndError extends Error {
  readonly code = 'TENSORCELL_NO_FRONT_END';
  override name = 'NoFrontEndError';
}

/**
 * Asks the person at the front end for a line of text; with `password` it is not shown while typed. In plain Node the
 * terminal is asked. Rejects when the front end allows no input, as when a notebook runs unattended.
 */
export async function input(question = '', options: { password?: boolean } = {}): Promise<string> {
  const host = notebookHost();
  if (host) return host.input(question, { password: options.password ?? false });
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

/** As in a browser: blocks until there is an answer; null when the person cancels. */
export function prompt(message = '', defaultValue?: string): string | null {
  const host = notebookHost();
  if (!host)
    throw new NoFrontEndError('prompt() works only in a notebook; use `await input(…)` in plain Node');
  const answer = host.inputSync(defaultValue === undefined ? message : `${message} [${defaultValue}] `);
  if (answer === undefined) return null;
  return answer === '' && defaultValue !== undefined ? defaultValue : answer;
}

/** As in a browser: blocks until the person answers y or n; anything but yes counts as no. */
export function confirm(message = ''): boolean {
  const answer = prompt(`${message} [y/N] `);
  return answer !== null && /^\s*y(?:es)?\s*$/i.test(answer);
}

type CommOptions = { buffers?: Uint8Array[]; metadata?: Record<string, unknown> };

/** The data of a message: typed like the result of JSON.parse, so that a cell may read its fields at once. */
type CommData = ReturnType<typeof JSON.parse>;

/** One channel, as `comms.open` and `comms.on` give it. */
export interface Comm extends Omit<HostComm, 'onMessage' | 'onClose'> {
  onMessage(listener: (data: CommData, buffers: Uint8Array[]) => void): void;
  onClose(listener: (data: CommData) => void): void;
}

/**
 * Jupyter comms: channels between a cell and an extension of the front end.
 * https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages
 */
export const comms = {
  /** Opens a channel to the target that the front end registered under this name. */
  open(target: string, data: unknown = {}, options: CommOptions = {}): Comm {
    return host('comms.open').openComm(target, data, options);
  },
  /** Answers channels that the front end opens. */
  on(target: string, handler: (comm: Comm, data: CommData, buffers: Uint8Array[]) => void): void {
    host('comms.on').onComm(target, handler);
  },
};

function host(what: string): NonNullable<ReturnType<typeof notebookHost>> {
  const found = notebookHost();
  if (!found)
    throw new NoFrontEndError(`${what} works only in a notebook; in plain Node there is no front end`);
  return found;
}
