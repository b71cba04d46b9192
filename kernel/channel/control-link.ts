import type { MessagePort } from 'node:worker_threads';

/** Memory that the main thread and the control thread of the runtime process share. */

/** Indexes of the shared Int32Array. */
export const Shared = {
  /** Last interrupt that the main thread has taken in by itself. */
  asked: 0,
  /** Last termination that the main thread has recovered from for good. */
  recovered: 1,
  /** Counts answers for blocking questions; the main thread waits on it. */
  answers: 2,
  /** How many listeners want to finish a batch when the running cell is interrupted. */
  holds: 3,
  /** 1 from an interrupt on until the cell has ended or goes on: loops of the library look at it. */
  interrupted: 4,
  /** Number of the last interrupt. */
  sequence: 5,
  /** Messages up to this number were sent before the last interrupt: cells among them end with it, begun or not. */
  endedUpTo: 6,
  /** Terminations that were begun. */
  terminations: 7,
  /** Executions that run. */
  running: 8,
  /** Held while something is loaded that a termination would break for good, such as a native addon. */
  critical: 9,
  /** The last interrupt whose children have been signalled: its number, negative if the main thread does it. */
  signalled: 10,
  /** Number of the last message that the main thread has begun to handle. */
  taken: 11,
  /** When children were looked for last, in clock ticks since the system's start. */
  looked: 12,
  /** 1 when the main thread has left its hooks and waits for the request to terminate. */
  left: 13,
  /** 1 when that request is on its way. */
  posted: 14,
} as const;

export const SHARED_BYTES = 60;

/** Control thread -> main thread. */
export type ControlToMain =
  | { type: 'interrupt' }
  /** `final`: V8 has said that the termination is over; until then it may still hit something. */
  | { type: 'terminated'; count: number; final: boolean }
  | { type: 'exit' };

export interface BlockingAnswer {
  id: number;
  value: string | undefined;
  error?: string;
}

export interface ControlData {
  shared: SharedArrayBuffer;
  /** Answers for `prompt()`; the main thread takes them synchronously. */
  answers: MessagePort;
}
