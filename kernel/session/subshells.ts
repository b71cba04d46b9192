/**
 * Queues of cells: the main shell's, and one for each subshell. Cells of one queue run one after the other.
 * https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html
 */
import { randomUUID } from 'node:crypto';

export interface Job {
  /** Resolves to true when the jobs that wait behind it are to be aborted. */
  run(): Promise<boolean>;
  abort(): void;
}

class Queue {
  #waiting: Job[] = [];
  #running = false;

  push(job: Job): void {
    this.#waiting.push(job);
    if (!this.#running) void this.#work();
  }

  get busy(): boolean {
    return this.#running;
  }

  abortAll(): void {
    const jobs = this.#waiting;
    this.#waiting = [];
    for (const job of jobs) job.abort();
  }

  async #work(): Promise<void> {
    this.#running = true;
    for (let job = this.#waiting.shift(); job; job = this.#waiting.shift()) {
      if (await job.run()) this.abortAll();
    }
    this.#running = false;
  }
}

export class Subshells {
  readonly #main = new Queue();
  readonly #others = new Map<string, Queue>();

  create(): string {
    const id = randomUUID();
    this.#others.set(id, new Queue());
    return id;
  }

  /** Its running cell goes on to its end; waiting ones are aborted. False when there is none of that name. */
  delete(id: string): boolean {
    const queue = this.#others.get(id);
    if (!queue) return false;
    this.#others.delete(id);
    queue.abortAll();
    return true;
  }

  list(): string[] {
    return [...this.#others.keys()];
  }

  find(id: string | null | undefined): Queue | undefined {
    return id === undefined || id === null ? this.#main : this.#others.get(id);
  }

  abortAll(): void {
    for (const queue of [this.#main, ...this.#others.values()]) queue.abortAll();
  }
}

export type { Queue };
