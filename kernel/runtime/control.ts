/**
 * The control thread of the runtime process. It ends JavaScript that does not come back to its event loop, signals
 * child processes, hands over answers to `prompt()`, and ends the process when the kernel process is gone.
 */
import { Session } from 'node:inspector';
import { readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { deserialize } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { descendants, endProcessTree } from './descendants.ts';
import { encodeControl, FrameSplitter, type ControlReport, type ControlRequest } from './frames.ts';
import { Shared, type ControlData, type ControlToMain } from './control-link.ts';

const CONTROL_FD = 5;
/** The main thread gets this long to end a cell by itself. */
const ASK_MS = 20;
/** V8 takes one request to terminate at a time. */
const RETRY_MS = 10;
/** V8 says when a termination is over; after this time it is not waited for. */
const FORGOTTEN_MS = 500;
/** The same while no cell runs. */
const ASK_IDLE_MS = 2000;
/** How long the loading of native code is waited for. */
const CRITICAL_MS = 5000;
/** After this long without an end it is inside a native call, and the user is told. */
const STUCK_MS = 1000;
/** Children that survive SIGINT get SIGTERM, and SIGKILL after twice this time. */
const CHILD_GRACE_MS = 1500;

/** What the main thread gets for its `exit` listeners. */
const EXIT_MS = 500;

const { shared, answers } = workerData as ControlData;
const state = new Int32Array(shared);
const main = parentPort!;

const socket = new Socket({ fd: CONTROL_FD, readable: true, writable: true });
const splitter = new FrameSplitter();
socket.on('data', (chunk: Buffer) => {
  splitter.push(chunk);
  for (let frame = splitter.next(); frame; frame = splitter.next()) {
    handle(deserialize(frame) as ControlRequest);
  }
});
socket.on('error', () => endProcessTree());
// The other end closes when the kernel process ends, however it ends.
socket.on('close', () => endProcessTree());

function report(message: ControlReport): void {
  socket.write(encodeControl(message));
}

function tell(message: ControlToMain): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of worker_threads has none
  main.postMessage(message);
}

function handle(request: ControlRequest): void {
  switch (request.type) {
    case 'interrupt':
      interrupt(request.sequence, request.sent);
      break;
    case 'input-reply':
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of worker_threads has none
      answers.postMessage(request);
      Atomics.add(state, Shared.answers, 1);
      Atomics.notify(state, Shared.answers);
      break;
    case 'shutdown':
      // Listeners of `exit` may remove temporary files, if the main thread comes to it.
      tell({ type: 'exit' });
      setTimeout(endProcessTree, EXIT_MS);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself.
  }
}

function interrupt(sequence: number, sent: number): void {
  // The first interrupt of a cell in which somebody finishes a batch is a request; the second one insists.
  const insists = Atomics.load(state, Shared.interrupted) === 1;
  Atomics.store(state, Shared.sequence, sequence);
  Atomics.store(state, Shared.endedUpTo, sent);
  Atomics.store(state, Shared.interrupted, 1);
  tell({ type: 'interrupt' });
  signalChildren();
  if (Atomics.load(state, Shared.holds) > 0 && !insists) return;
  // Without a cell it is late code of an earlier one, or the kernel's own: most of that ends by itself.
  const patience = Atomics.load(state, Shared.running) > 0 ? ASK_MS : ASK_IDLE_MS;
  const deadline = performance.now() + CRITICAL_MS;
  const insist = (): void => {
    if (Atomics.load(state, Shared.asked) >= sequence) return;
    if (Atomics.load(state, Shared.critical) > 0 && performance.now() < deadline) setTimeout(insist, ASK_MS);
    else terminate(sequence);
  };
  setTimeout(insist, patience);
}

/** Children that exist now get SIGINT, as in a terminal; those that stay get stronger ones. */
function signalChildren(): void {
  const children = descendants(process.pid).map((pid) => ({ pid, started: startOf(pid) }));
  if (children.length === 0) return;
  for (const { pid } of children) signal(pid, 'SIGINT');
  // Only a main thread that still waits for one (execSync) makes stronger signals necessary.
  const stronger = (name: NodeJS.Signals, after: number): void => {
    const asked = Atomics.load(state, Shared.asked);
    const recovered = Atomics.load(state, Shared.recovered);
    setTimeout(() => {
      const answered =
        Atomics.load(state, Shared.asked) > asked || Atomics.load(state, Shared.recovered) > recovered;
      if (answered) return;
      for (const { pid, started } of children) if (startOf(pid) === started) signal(pid, name);
    }, after);
  };
  stronger('SIGTERM', CHILD_GRACE_MS);
  stronger('SIGKILL', 2 * CHILD_GRACE_MS);
}

/** Start time of a process, which tells it from a later one with the same number. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/**
 * Ends the JavaScript of the main thread, and tells it so until it has recovered. The cell may have ended by itself a
 * moment before: then the termination hits the next JavaScript, which these messages make sure to be one of ours.
 */
function terminate(sequence: number): void {
  const count = Atomics.add(state, Shared.terminations, 1) + 1;
  const recovered = (): boolean => Atomics.load(state, Shared.recovered) >= count;
  const started = performance.now();
  let final = false;

  const attempt = (): void => {
    if (recovered()) return;
    // A session is opened for the one call: while one is open, process.exit waits for it.
    const session = new Session();
    session.connectToMainThread();
    session.post('Runtime.terminateExecution', (error) => {
      session.disconnect();
      if (error) {
        // V8 takes one request at a time, and has not yet reported the end of the one before.
        setTimeout(attempt, RETRY_MS);
        return;
      }
      final = true;
      tell({ type: 'terminated', count, final });
    });
  };
  attempt();

  let told = false;
  let delay = 2;
  const poke = (): void => {
    if (recovered()) return;
    // The main thread is back at its event loop, and V8 has forgotten to say so.
    if (Atomics.load(state, Shared.asked) >= sequence && performance.now() - started > FORGOTTEN_MS)
      final = true;
    tell({ type: 'terminated', count, final });
    if (!told && Atomics.load(state, Shared.asked) < sequence && performance.now() - started > STUCK_MS) {
      told = true;
      report({ type: 'stuck', sequence });
    }
    delay = Math.min(delay * 2, 250);
    setTimeout(poke, delay);
  };
  setTimeout(poke, 1);
}
