import type { HostPayload, NotebookHost } from '../../src/base/host.ts';

export interface Shown extends HostPayload {
  update: boolean;
}

/** A notebook that only remembers what was shown in it. */
export function recordingHost(): { host: NotebookHost; shown: Shown[]; interrupt(): Promise<unknown[]> } {
  const shown: Shown[] = [];
  const listeners = new Set<() => void | 'continue' | Promise<void | 'continue'>>();
  const state = { interrupted: false };
  const refuse = (): never => {
    throw new Error('this notebook has no front end');
  };
  const host: NotebookHost = {
    execution: () => 1,
    runIn: (_execution, action) => action(),
    display: (payload, options) => {
      shown.push({ ...payload, update: options?.update ?? false });
    },
    clearOutput: () => {
      shown.length = 0;
    },
    input: refuse,
    inputSync: refuse,
    openComm: refuse,
    onComm: refuse,
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get interrupted() {
      return state.interrupted;
    },
    unattended: false,
    onEnd: () => undefined,
    request: refuse,
    answer: () => undefined,
  };
  const interrupt = async (): Promise<unknown[]> => {
    state.interrupted = true;
    return Promise.all([...listeners].map(async (listener) => listener()));
  };
  return { host, shown, interrupt };
}
