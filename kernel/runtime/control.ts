/**
 * The control thread of the runtime process. It ends JavaScript that does not come back to its event loop, signals
 * child processes, hands over answers to `prompt()`, and ends the process when the kernel process is gone.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { Socket } from 'node:net';
import { deserialize } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { LEAVE_HOOKS } from './async-hooks.ts';
import { ChildSignals } from './child-signals.ts';
import { endProcessTree } from './descendants.ts';
import { encodeControl, FrameSplitter, type ControlReport, type ControlRequest } from './frames.ts';
import { Shared, type ControlData, type ControlToMain } from './control-link.ts';

const CONTROL_FD = 5;
/** The main thread gets this long to end a cell by itself. */
const ASK_MS = 20;
/** V8 takes one request to terminate at a time. */
const RETRY_MS = 10;
/** A main thread that is not at its event loop so long after a termination runs something else, which is ended too. */
const AGAIN_MS = 30;
/** So long a hook may run that had begun when hooks were taken out. */
const LEAVE_MS = 4;
/** A main thread that runs JavaScript answers earlier. */
const NATIVE_MS = 100;
/** V8 says when a termination is over; after this time it is not waited for. */
const FORGOTTEN_MS = 500;
/** The same while no cell runs. */
const ASK_IDLE_MS = 2000;
/** How long the loading of native code is waited for. */
const CRITICAL_MS = 5000;
/** After this long without an end it is inside a native call, and the user is told. */
const STUCK_MS = 1000;
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

function interrupt(sequence: number, sent: number): void {
  // The first interrupt of a cell in which a listener finishes a batch is a request; the second one insists.
  const insists = Atomics.load(state, Shared.interrupted) === 1;
  Atomics.store(state, Shared.sequence, sequence);
  Atomics.store(state, Shared.endedUpTo, sent);
  Atomics.store(state, Shared.interrupted, 1);
  report({ type: 'heard', sequence });
  const children = new ChildSignals(sequence, state, 'control');
  tell({ type: 'interrupt' });
  if (Atomics.load(state, Shared.holds) > 0 && !insists) {
    children.signal();
    return;
  }
  // Without a cell it is late code of an earlier one, or the kernel's own: most of that ends by itself. A cell that waits
  // for it shows that this one does not.
  const waits = Atomics.load(state, Shared.running) > 0 || Atomics.load(state, Shared.taken) < sent;
  const patience = waits ? ASK_MS : ASK_IDLE_MS;
  const deadline = performance.now() + CRITICAL_MS;
  const answered = (): boolean => Atomics.load(state, Shared.asked) >= sequence;
  const insist = (): void => {
    if (answered()) return;
    if (Atomics.load(state, Shared.critical) > 0 && performance.now() < deadline) setTimeout(insist, ASK_MS);
    else terminate(sequence, children);
  };
  setTimeout(insist, patience);
  // The main thread signals them itself when it comes to it. It may be waiting for one of them (execSync): once that
  // has ended, what the cell does next must meet the termination, which is therefore requested first.
  setTimeout(
    () => {
      if (!answered()) children.signalUntil(answered);
    },
    ASK_MS + 3 * LEAVE_MS,
  );
}

/**
 * No hook of a cell's `async_hooks`, and none of Node's for rejections, begins any more (async-hooks.ts). Calls back when the main
 * thread is outside of the latter, or at once when it waits in native code (execSync): what it does next must meet the termination.
 */
function leaveHooks(done: () => void): void {
  const session = new Session();
  session.connectToMainThread();
  const deadline = performance.now() + NATIVE_MS;
  let answered = false;
  let asleep = 0;
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    session.disconnect();
    done();
  };
  const look = (): void => {
    session.post('Runtime.evaluate', { expression: LEAVE_HOOKS, silent: true }, (error, answer) => {
      answered = true;
      const inside = !error && answer.result.value === true;
      if (!inside || performance.now() > deadline) setTimeout(end, LEAVE_MS);
      else if (!over) setTimeout(look, 1);
    });
  };
  const watch = (): void => {
    if (over) return;
    // Twice: garbage collection lets it sleep for a moment too.
    asleep = !answered && mainThreadSleeps() ? asleep + 1 : 0;
    if (asleep > 1 || performance.now() > deadline) end();
    else setTimeout(watch, 1);
  };
  look();
  setTimeout(watch, LEAVE_MS);
}

/** Whether the main thread waits in a system call, as Linux tells it (proc(5), field 3 of `stat`). */
function mainThreadSleeps(): boolean {
  try {
    const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1');
    return /^[SD]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

/**
 * Ends the JavaScript of the main thread, and tells it so until it has recovered. The cell may have ended by itself a
 * moment before: then the termination hits the next JavaScript, which these messages make sure to be one of ours.
 */
function terminate(sequence: number, children: ChildSignals): void {
  const count = Atomics.add(state, Shared.terminations, 1) + 1;
  const recovered = (): boolean => Atomics.load(state, Shared.recovered) >= count;
  const started = performance.now();
  let final = false;
  let requested = false;

  const attempt = (): void => {
    if (recovered()) return;
    requested = true;
    leaveHooks(request);
  };
  const request = (): void => {
    // A session is opened for the one call: while one is open, process.exit waits for it.
    const session = new Session();
    session.connectToMainThread();
    // Once more: the first time can have met a hook at its beginning.
    session.post('Runtime.evaluate', { expression: LEAVE_HOOKS, silent: true });
    session.post('Runtime.terminateExecution', (error) => {
      session.disconnect();
      if (error) {
        // V8 takes one request at a time, and has not yet reported the end of the one before.
        setTimeout(attempt, RETRY_MS);
        return;
      }
      requested = false;
      final = true;
      // What the cell had started by then; nothing else begins before the main thread hears of the end.
      children.signal();
      tell({ type: 'terminated', count, final });
      setTimeout(again, AGAIN_MS);
    });
  };
  /** Another chain of microtasks or ticks can have been waiting behind the one that was ended. */
  const again = (): void => {
    if (recovered() || requested || Atomics.load(state, Shared.asked) >= sequence) return;
    attempt();
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
