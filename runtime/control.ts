/**
 * The control thread of the runtime process. It ends JavaScript that does not come back to its event loop, signals
 * child processes, hands over answers to `prompt()`, and ends the process when the kernel process is gone.
 */
import { Session } from 'node:inspector';
import { Socket } from 'node:net';
import { deserialize } from 'node:v8';
import { parentPort, workerData } from 'node:worker_threads';
import { LEAVE_HOOKS } from './async-hooks.ts';
import { ChildSignals } from './child-signals.ts';
import { endProcessTree } from '../kernel/channel/descendants.ts';
import {
  encodeControl,
  FrameSplitter,
  type ControlReport,
  type ControlRequest,
} from '../kernel/channel/frames.ts';
import { Shared, type ControlData, type ControlToMain } from '../kernel/channel/control-link.ts';
import { required } from '../src/base/required.ts';

const CONTROL_FD = 5;
/** The main thread gets this long to end a cell by itself. */
const ASK_MS = 20;
/** V8 takes one request to terminate at a time. */
const RETRY_MS = 10;
/** A main thread that is not at its event loop so long after a termination runs something else, which is ended too. */
const AGAIN_MS = 30;
/** Children are signalled this long after the termination was requested. */
const SIGNAL_MS = 10;
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
/** Time of the main thread for its `exit` listeners. */
const EXIT_MS = 500;

const { shared, answers } = workerData as ControlData;
const state = new Int32Array(shared);
const main = required(parentPort, 'the port to the main thread');

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
  setTimeout(() => {
    if (!answered()) children.signalUntil(answered);
  }, ASK_MS + SIGNAL_MS);
}

/**
 * Terminates JavaScript when the main thread is outside of hooks in which it must not be terminated (async-hooks.ts). The main
 * thread leaves them, and waits until the request is there: nothing of the cell runs in between, even when the main thread has
 * been in native code (execSync) meanwhile.
 */
function terminateOutsideHooks(isOver: () => boolean, done: (error: Error | null) => void): void {
  // While a session is open, process.exit waits for it.
  const session = new Session();
  session.connectToMainThread();
  Atomics.store(state, Shared.left, 0);
  Atomics.store(state, Shared.posted, 0);
  const started = performance.now();
  let posted = false;
  const post = (): void => {
    if (posted) return;
    posted = true;
    session.post('Runtime.terminateExecution', (error) => {
      session.disconnect();
      done(error);
    });
    Atomics.store(state, Shared.posted, 1);
  };
  const look = (): void => {
    session.post('Runtime.evaluate', { expression: LEAVE_HOOKS, silent: true }, (error, answer) => {
      if (posted) return;
      const again: unknown = error ? 0 : answer.result.value;
      if (typeof again === 'number' && again > 0) setTimeout(look, again);
      else post();
    });
  };
  const watch = (): void => {
    if (posted) return;
    if (Atomics.load(state, Shared.left) === 1) post();
    else if (isOver()) session.disconnect();
    else setTimeout(watch, performance.now() - started > NATIVE_MS ? RETRY_MS : 1);
  };
  look();
  watch();
}

/**
 * Ends the JavaScript of the main thread, and tells it so until it has recovered. The cell may have ended by itself a
 * moment before: then the termination hits the next JavaScript, and these messages make sure that it is our code.
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
    terminateOutsideHooks(recovered, (error) => {
      if (error) {
        // V8 takes one request at a time, and has not yet reported the end of the one before.
        setTimeout(attempt, RETRY_MS);
        return;
      }
      requested = false;
      final = true;
      // Processes that the cell had started by then; nothing else begins before the main thread hears of the end.
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
    // The main thread is back at its event loop, and V8 has not reported it.
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
