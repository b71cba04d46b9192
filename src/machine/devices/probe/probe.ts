import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { existingHostPath, hostPath } from '../machine.ts';
import type { Machine } from '../machine.ts';
import type { Answers, ProbeReply, Question } from './questions.ts';

export type ProbeAnswer<T> =
  | { ok: true; value: T }
  /** `error`: the library could not be loaded; `hung`, `died`: the process that asked had to be given up. */
  | { ok: false; reason: 'error' | 'hung' | 'died'; message: string };

/** An idle process is given up after this time: starting it anew costs 50 ms, and what the driver needs. */
const IDLE_MS = 600_000;
/**
 * Having hung once, a library is not asked again for this time, and twice as long after each further time: each try may
 * leave a process behind that not even SIGKILL ends while it waits for the driver.
 */
const REST_MS = 30_000;
const LONGEST_REST_MS = 3_600_000;

interface Pending {
  finish(answer: ProbeAnswer<unknown>): void;
}

/**
 * Asks the libraries of drivers in a separate process, since they may hang or crash. The process starts with the first
 * question (about 60 ms) and stays for the next.
 */
export class Probe {
  readonly #machine: Machine;
  readonly #pending = new Map<number, Pending>();
  readonly #resting = new Map<string, { until: number; rest: number; message: string }>();
  #child: ChildProcessByStdio<Writable, Readable, null> | undefined;
  #idle: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** @param library its path on the machine that is looked at. */
  ask<Q extends Question>(question: Q, library: string, limitMs: number): Promise<ProbeAnswer<Answers[Q]>> {
    const key = `${question}:${library}`;
    const resting = this.#resting.get(key);
    if (resting && performance.now() < resting.until) {
      return Promise.resolve({ ok: false, reason: 'hung', message: resting.message });
    }
    const id = ++this.#count;
    return new Promise((resolve) => {
      const limit = setTimeout(() => {
        const message = `${library} did not answer within ${Math.ceil(limitMs / 1000)} s`;
        const rest = Math.min(LONGEST_REST_MS, 2 * (resting?.rest ?? REST_MS / 2));
        this.#resting.set(key, { until: performance.now() + rest, rest, message });
        this.#pending.get(id)?.finish({ ok: false, reason: 'hung', message });
        this.#giveUp(message);
      }, limitMs);
      this.#pending.set(id, {
        finish: (answer) => {
          clearTimeout(limit);
          this.#pending.delete(id);
          this.#rest();
          resolve(answer as ProbeAnswer<Answers[Q]>);
        },
      });
      const child = this.#start();
      clearTimeout(this.#idle);
      const file = existingHostPath(this.#machine, library) ?? hostPath(this.#machine, library);
      child.stdin.write(`${JSON.stringify({ id, question, library: file })}\n`);
    });
  }

  /** Ends the process. It starts anew with the next question. */
  dispose(): void {
    this.#giveUp('the probe was ended');
  }

  #start(): ChildProcessByStdio<Writable, Readable, null> {
    if (this.#child) return this.#child;
    // Its own group: a Ctrl+C for the kernel's is none for it. stderr is the driver's chatter.
    const child = spawn(process.execPath, [this.#machine.probeFile], {
      env: { ...this.#machine.environment },
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    });
    this.#child = child;
    child.unref();
    (child.stdin as Writable & { unref?(): void }).unref?.();
    (child.stdout as Readable & { unref?(): void }).unref?.();
    child.stdin.on('error', () => {}); // it died: `exit` reports it
    let unread = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (unread + text).split('\n');
      unread = lines.pop() ?? '';
      for (const line of lines) {
        const reply = JSON.parse(line) as ProbeReply;
        this.#pending
          .get(reply.id)
          ?.finish(
            'error' in reply
              ? { ok: false, reason: 'error', message: this.#withoutRoot(reply.error) }
              : { ok: true, value: reply.value },
          );
      }
    });
    const ended = (how: string): void => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#fail({
        ok: false,
        reason: 'died',
        message: `the driver's library ended the probing process: ${how}`,
      });
    };
    child.on('error', (error) => ended(error.message));
    child.on('close', (code, signal) => ended(signal ?? `exit code ${code}`));
    return child;
  }

  #withoutRoot(message: string): string {
    return this.#machine.root === '/' ? message : message.replaceAll(this.#machine.root, '');
  }

  #fail(answer: ProbeAnswer<never>): void {
    for (const pending of this.#pending.values()) pending.finish(answer);
  }

  #giveUp(message: string): void {
    const child = this.#child;
    this.#child = undefined;
    clearTimeout(this.#idle);
    child?.kill('SIGKILL');
    child?.stdin.destroy();
    child?.stdout.destroy();
    this.#fail({ ok: false, reason: 'hung', message });
  }

  #rest(): void {
    clearTimeout(this.#idle);
    if (this.#pending.size > 0) return;
    this.#idle = setTimeout(() => this.dispose(), IDLE_MS);
    this.#idle.unref();
  }
}

const probes = new Map<string, Probe>();

/** The one probe of a machine as it is seen with these variables. */
export function probeOf(machine: Machine): Probe {
  const key = JSON.stringify([machine.root, machine.probeFile, machine.environment]);
  let probe = probes.get(key);
  if (!probe) {
    probes.set(key, (probe = new Probe(machine)));
  }
  return probe;
}

/** Ends all processes that ask drivers. */
export function disposeProbes(): void {
  for (const probe of probes.values()) probe.dispose();
  probes.clear();
}
