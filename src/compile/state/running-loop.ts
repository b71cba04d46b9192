/**
 * The loop of training steps that runs on another thread, if one does. Code that reads or sets a variable meanwhile has
 * to see the weights of a whole number of steps: the loop then ends after its running step, and is waited for.
 */
export interface RunningLoop {
  /** Asks the loop to end after the running step. */
  stop(): void;
  /** Whether TensorFlow has returned. */
  over(): boolean;
}

let running: RunningLoop | undefined;
let touches = 0;

/** How often code has read or set a variable that compiled steps update. */
export function variableTouches(): number {
  return touches;
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/** Says that a loop runs; only one does at a time. */
export function registerLoop(loop: RunningLoop): void {
  synchronizeLoop();
  running = loop;
}

/** Says that TensorFlow has returned. */
export function unregisterLoop(loop: RunningLoop): void {
  if (running === loop) running = undefined;
}

/** Ends the loop that runs after its running step, and waits for that. Costs nothing when there is none. */
export function synchronizeLoop(): void {
  touches++;
  if (running === undefined) return;
  const loop = running;
  if (!loop.over()) loop.stop();
  while (!loop.over()) Atomics.wait(pause, 0, 0, 0.2);
  unregisterLoop(loop);
}
