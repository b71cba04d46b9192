import { tensorflowBackend } from '../tfjs/backend.ts';
import { loadTf } from './load-tf.ts';
import type { NodeBackend, Tf } from '../tfjs/instance.ts';
import { compileEnabled } from '../compile/loops/compile-setting.ts';
import { LossScale } from '../compile/lowering/loss-scale.ts';
import { CellNames } from '../compile/guards/cell-names.ts';
import { standFor } from '../compile/guards/user-code.ts';
import { checkedPrecision, type MixedPrecision } from '../compile/lowering/precision.ts';
import { FunctionCache } from '../compile/execution/function-cache.ts';

/** Options of `compile`. */
export interface CompileOptions {
  /** At most this many graphs are kept, the least used go first. Default 32. */
  limit?: number;
  /**
   * Products and convolutions in 16 bits, with float32 variables: bfloat16 on CPUs, float16 on GPUs, there with
   * dynamic loss scaling where gradients are taken by an optimizer (`minimize`, `computeGradients`) or by
   * `tf.variableGrads`. Calls that run eagerly are float32. Default false.
   */
  mixedPrecision?: MixedPrecision;
  /** Receives the one line with the reason why a function runs eagerly. Default `console.warn`. */
  say?: (line: string) => void;
}

/** A function that runs as a graph. */
export type Compiled<F> = F & {
  /** How often the function was traced. */
  readonly traces: number;
  /** Removes the graphs from memory. */
  dispose(): void;
};

/**
 * Compiles a function of tensors, like Python's `tf.function`: its first call with arguments of given shapes, dtypes and
 * JavaScript values runs eagerly, the second is traced into a graph, and from then on TensorFlow runs the graph.
 * Gradients (`tf.grads`, `optimizer.minimize`) and assignments to variables may be inside. All other effects of the function
 * in JavaScript happen when it is traced and not at each call; in a notebook it is traced again once a name that it
 * reads was declared again. Arguments and results are tensors, or arrays and plain
 * objects with tensors in them; everything else counts by its value.
 *
 * A function that reads a tensor's value in the middle stays eager, and the line that reads is named once.
 */
export function compile<Args extends unknown[], Result>(
  fn: (...args: Args) => Result,
  options: CompileOptions = {},
): Compiled<(...args: Args) => Result> {
  let cache: FunctionCache | undefined;
  let lossScale: LossScale | undefined;
  const compiled = (...args: Args): Result => {
    const tf: Tf = loadTf();
    const backend: NodeBackend | undefined = tensorflowBackend();
    if (backend === undefined || !compileEnabled()) return fn(...args);
    if (cache === undefined) {
      const precision = checkedPrecision(options.mixedPrecision, backend.binding.isUsingGpuDevice());
      lossScale = precision === 'float16' ? new LossScale(tf) : undefined;
      cache = new FunctionCache(tf, backend, {
        what: fn.name === '' ? 'the compiled function' : fn.name,
        notify: options.say ?? ((line) => console.warn(line)),
        precision,
        lossScale,
        names: new CellNames(tf, fn),
        xla: true,
        ...(options.limit === undefined ? {} : { limit: options.limit }),
      });
    }
    return cache.call(args, fn);
  };
  Object.defineProperties(compiled, {
    traces: { get: () => cache?.traces ?? 0 },
    dispose: {
      value: () => {
        cache?.dispose();
        cache = undefined;
        lossScale?.dispose();
        lossScale = undefined;
      },
    },
    name: { value: fn.name },
  });
  standFor(compiled, fn);
  return compiled as Compiled<(...args: Args) => Result>;
}
