import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { formatBytes } from '../base/text/bytes.ts';
import { notebookHost } from '../base/host.ts';
import { engineOf, type TrackedTensor } from '../tfjs/engine.ts';
import type { Tf } from '../tfjs/instance.ts';

/** A tensor that no `tidy` of the user's or of tfjs's watches over. Holds nothing that would keep the tensor alive. */
interface Watched {
  id: number;
  dataId: object;
  dtype: string;
  size: number;
  bytes: number;
  execution: number;
}

/** A cell that leaves more behind than this is told so; once, then never again in this process. */
const MANY_TENSORS = 200;
const MANY_BYTES = 2 ** 30;

/**
 * Finds tensors that nothing refers to any more, and disposes them if the user requested that (`%tidy on`).
 *
 * Whether a tensor is still of use is not guessed from the cell's variables: closures, private fields and promises hold
 * tensors where no code can look. JavaScript's own garbage collector knows, and a tensor that it has collected can be
 * disposed without any risk. After each cell it is asked to collect.
 */
class CellMemory {
  #on = false;
  #said = false;
  #execution = 0;
  #disposed = 0;
  #collect: (() => void) | undefined;
  /** Actions to do after the next collection. */
  readonly #waiting: (() => void)[] = [];
  /** Tensors since the last collection. */
  #fresh = 0;
  readonly #dispose: (tensor: TrackedTensor) => void;
  readonly #watched = new Map<number, Watched>();
  /** Collected while the user wants no tidying. Only `%tidy on` can dispose them now. */
  readonly #lost = new Map<number, Watched>();
  readonly #registry = new FinalizationRegistry<Watched>((watched) => {
    this.#collected(watched);
  });

  constructor(tf: Tf) {
    const engine = engineOf(tf);
    const track = engine.track.bind(engine);
    const keep = engine.keep.bind(engine);
    this.#dispose = engine.disposeTensor.bind(engine);
    Object.assign(engine, {
      // Called for new tensors, and for those that a scope hands to the one around it; never for variables.
      track: <T extends TrackedTensor>(tensor: T): T => {
        if (engine.state.activeScope === null) this.#watch(tensor);
        return track(tensor);
      },
      keep: <T extends TrackedTensor>(tensor: T): T => {
        this.#forget(tensor.id);
        return keep(tensor);
      },
      disposeTensor: (tensor: TrackedTensor): void => {
        this.#forget(tensor.id);
        this.#dispose(tensor);
      },
    });
  }

  /** Turns it on or off, where `on` is given. */
  tidy(on?: boolean): { on: boolean; disposed: number } {
    if (on === true) {
      for (const watched of this.#lost.values()) this.#free(watched);
      this.#lost.clear();
      this.#collectSoon(() => undefined);
    }
    if (on !== undefined) this.#on = on;
    return { on: this.#on, disposed: this.#disposed };
  }

  /** Has to be called when a cell begins; it finds out by itself when it ends. */
  begin(execution: number): void {
    if (execution === 0 || execution === this.#execution) return;
    this.#execution = execution;
    notebookHost()?.onEnd(execution, () => {
      this.#end(execution);
    });
  }

  #end(execution: number): void {
    if (this.#on) {
      if (this.#fresh > 0) this.#collectSoon(() => undefined);
      return;
    }
    if (this.#said) return;
    const left = sum([...this.#watched.values(), ...this.#lost.values()], execution);
    if (left.count < MANY_TENSORS && left.bytes < MANY_BYTES) return;
    // All of it may be in use: only what is collected now has leaked.
    this.#collectSoon(() => {
      this.#judge(execution);
    });
  }

  #judge(execution: number): void {
    // Shapes that share their values with a tensor in use hold no additional memory.
    const shared = new Set([...this.#watched.values()].map(({ dataId }) => dataId));
    const lost = [...this.#lost.values()].filter(({ dataId }) => !shared.has(dataId));
    const { count, bytes } = sum(lost, execution);
    if (this.#said || this.#on || (count < MANY_TENSORS && bytes < MANY_BYTES)) return;
    this.#said = true;
    const text =
      `This cell left ${count.toLocaleString('en-US')} ${count === 1 ? 'tensor' : 'tensors'} (${formatBytes(bytes)}) behind that nothing refers to any more. ` +
      'Work in tf.tidy(() => …), dispose of what you no longer need, or run %tidy on to do that after each cell.';
    const host = notebookHost();
    if (host === undefined) console.warn(text);
    else {
      host.runIn(execution, () => {
        console.warn(text);
      });
    }
  }

  #watch(tensor: TrackedTensor): void {
    if (this.#watched.has(tensor.id)) return;
    const { id, dataId, dtype, size } = tensor;
    const bytes = size * (dtype === 'bool' ? 1 : dtype === 'complex64' ? 8 : 4);
    const watched: Watched = { id, dataId, dtype, size, bytes, execution: this.#execution };
    this.#watched.set(id, watched);
    this.#fresh += 1;
    this.#registry.register(tensor, watched, watched);
  }

  #forget(id: number): void {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    this.#watched.delete(id);
    this.#registry.unregister(watched);
  }

  #collected(watched: Watched): void {
    // Tensors that were disposed or kept meanwhile are no longer in here.
    if (!this.#watched.delete(watched.id)) return;
    if (this.#on) this.#free(watched);
    else this.#lost.set(watched.id, watched);
  }

  #free(watched: Watched): void {
    this.#dispose(watched);
    this.#disposed += 1;
  }

  /** Collects when nothing of the cell is on the stack any more, and calls back when tensors were handed over. */
  #collectSoon(then: () => void): void {
    this.#fresh = 0;
    this.#waiting.push(then);
    if (this.#waiting.length > 1) return;
    setImmediate(() => {
      const all = this.#waiting.splice(0);
      this.#collect ??= garbageCollector();
      this.#collect();
      // V8 hands over its findings in a separate task, which comes before this one.
      setTimeout(() => {
        for (const one of all) one();
      }, 20).unref();
    });
  }
}

function sum(list: readonly Watched[], execution: number): { count: number; bytes: number } {
  let count = 0;
  let bytes = 0;
  for (const watched of list) {
    if (watched.execution !== execution) continue;
    count += 1;
    bytes += watched.bytes;
  }
  return { count, bytes };
}

/** V8's own function; a process that was not started with the flag has none, but new contexts get it. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

let current: CellMemory | undefined;

export function installCellMemory(tf: Tf): void {
  // Cells leak; programs in plain Node have their own ways, and need not pay for this.
  if (notebookHost() !== undefined) current ??= new CellMemory(tf);
}

export function cellMemory(): CellMemory | undefined {
  return current;
}
