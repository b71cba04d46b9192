/** Which child processes an interrupt ends, and how: SIGINT first, as in a terminal, then stronger signals. */
import { readFileSync } from 'node:fs';
import { Shared } from '../kernel/channel/control-link.ts';
import { descendants, pipeHolders } from '../kernel/channel/descendants.ts';

/** A process that the cell starts while it is being interrupted is found after this time at the latest. */
const LOOK_MS = 20;
/** The same when many looks have found nothing: a look at /proc takes milliseconds. */
const MAX_LOOK_MS = 160;
/** When children of children are looked for, after the signal to them. */
const FOLLOW_MS = [15, 60, 250];
/** Children that survive SIGINT get SIGTERM, and SIGKILL after twice this time. */
const GRACE_MS = 1500;

interface Child {
  pid: number;
  /** Distinguishes it from a later process with the same number. */
  started: string | undefined;
  since: number;
  /** The last signal that it got. */
  last: NodeJS.Signals;
}

/** Signals for the children of one interrupt. Main thread and control thread agree on which of them sends. */
export class ChildSignals {
  readonly #mark: number;
  readonly #state: Int32Array;
  readonly #children = new Map<number, Child>();

  /**
   * @param sequence number of the interrupt
   * @param state the array that the threads share
   */
  constructor(sequence: number, state: Int32Array, thread: 'main' | 'control') {
    this.#mark = thread === 'control' ? sequence : -sequence;
    this.#state = state;
  }

  /**
   * Sends SIGINT to every child that has not got one. Those from before the last look of the other thread have, if that has
   * the interrupt.
   */
  signal(): void {
    const since = this.#claim() ? 0 : Atomics.load(this.#state, Shared.looked);
    if (!this.#look(process.pid, since)) return;
    // A shell may just be starting its own child, and would wait for that. Whatever else begins now belongs to later code.
    for (const ms of FOLLOW_MS) setTimeout(() => this.#follow(), ms).unref();
  }

  /**
   * Looks for children again and again until `answered`: a cell can be about to start one, or start the next one. Only a
   * main thread that still waits for a child (execSync) makes stronger signals necessary.
   */
  signalUntil(answered: () => boolean): void {
    if (!this.#claim()) return;
    let pause = LOOK_MS;
    const look = (): void => {
      if (answered()) return;
      // A child that has ended may have left others that hold its pipes, for which execSync waits.
      const left = descendants(process.pid).length > 0 ? [] : pipeHolders(process.pid);
      pause = this.#look() || this.#add(left) ? LOOK_MS : Math.min(pause * 2, MAX_LOOK_MS);
      for (const child of this.#children.values()) this.#strengthen(child);
      setTimeout(look, pause);
    };
    look();
  }

  #claim(): boolean {
    const owner = Atomics.load(this.#state, Shared.signalled);
    if (Math.abs(owner) === Math.abs(this.#mark)) return owner === this.#mark;
    return Atomics.compareExchange(this.#state, Shared.signalled, owner, this.#mark) === owner;
  }

  /** The same for what the children of this interrupt have started since. */
  #follow(): void {
    for (const child of this.#children.values()) {
      if (startOf(child.pid) === child.started) this.#look(child.pid);
    }
  }

  /** True when a new one was found below `root`. */
  #look(root = process.pid, since = 0): boolean {
    const now = ticks();
    const found = this.#add(descendants(root), since);
    // Before the look: what was started during it may have been missed.
    if (root === process.pid) Atomics.store(this.#state, Shared.looked, now);
    return found;
  }

  /** Sends SIGINT to those that have not got it. */
  #add(pids: readonly number[], since = 0): boolean {
    let found = false;
    for (const pid of pids) {
      const started = startOf(pid);
      if (started === undefined || Number(started) < since) continue;
      if (this.#children.get(pid)?.started === started) continue;
      this.#children.set(pid, { pid, started, since: performance.now(), last: 'SIGINT' });
      send(pid, 'SIGINT');
      found = true;
    }
    return found;
  }

  #strengthen(child: Child): void {
    const age = performance.now() - child.since;
    const name = age > 2 * GRACE_MS ? 'SIGKILL' : age > GRACE_MS ? 'SIGTERM' : 'SIGINT';
    if (name === child.last || startOf(child.pid) !== child.started) return;
    child.last = name;
    send(child.pid, name);
  }
}

/** Start time of a process in clock ticks since the system's start (proc(5), field 22 of `/proc/<pid>/stat`). */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Now, in the unit of `startOf`: hundredths of a second on every system that Node runs on. */
function ticks(): number {
  try {
    return Math.floor(Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 100);
  } catch {
    return 0;
  }
}

function send(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself.
  }
}
