import { TensorflowError } from '../../engines/errors.ts';
import { layerOfNode } from '../../engines/scope-names.ts';
import type { OperationObserver } from '../../engines/engine.ts';
import { isUserPlace } from '../guards/user-lines.ts';

/** Frames that are looked through for the user's line: layers inside models inside `fit` lie deep. */
const DEPTH = 80;

type Hook = ErrorConstructor['prepareStackTrace'];

let replaced: { hook: Hook; limit: number } | undefined;

/** Puts back what `callerPlace` changed; also after JavaScript was terminated in the middle of it. */
export function restoreStackTraces(): void {
  if (replaced === undefined) return;
  Error.prepareStackTrace = replaced.hook;
  Error.stackTraceLimit = replaced.limit;
  replaced = undefined;
}

/**
 * The nearest line on the stack that is neither ours nor tfjs's, as `file:line:column` of what runs: source maps are for
 * the code that shows it. Some microseconds.
 */
function callerPlace(): string | undefined {
  let place: string | undefined;
  const hook: Hook = Reflect.get(Error, 'prepareStackTrace');
  replaced = { hook, limit: Error.stackTraceLimit };
  Error.stackTraceLimit = DEPTH;
  Error.prepareStackTrace = (_error, sites) => {
    for (const site of sites) {
      const file: string | null | undefined = site.getFileName();
      if (file === null || file === undefined || !isUserPlace(file)) continue;
      place = `${file}:${site.getLineNumber() ?? 0}:${site.getColumnNumber() ?? 0}`;
      break;
    }
    return '';
  };
  // Reading the stack is what calls the hook.
  void new Error('here').stack;
  restoreStackTraces();
  return place;
}

/** The cause of an error in a graph: its stack is that of the line which put the op there. */
class TracedHere extends Error {
  override readonly name = 'Traced';
}

/** Which lines of the user's code the operations of a graph come from, so that errors at run time can name them. */
export class TracedLines implements OperationObserver {
  readonly #lines = new Map<string, { type: string; place: string | undefined }>();

  /** An operation is being added. @param name unique in its graph, without scope. */
  note(name: string, type: string): void {
    this.#lines.set(name, { type, place: callerPlace() });
  }

  /** The same operations, which come from the line of the user's code that runs now. */
  fromHere(): TracedLines {
    const lines = new TracedLines();
    const place = callerPlace();
    for (const [name, { type }] of this.#lines) lines.#lines.set(name, { type, place });
    return lines;
  }

  /**
   * An error of a run, in terms of what was traced; other errors, and those of unknown operations, as they are.
   *
   * @param nameOf the name of a layer in this trace's model, where the function was made for another model.
   */
  explain(error: unknown, nameOf: (layer: string) => string = (layer) => layer): unknown {
    if (!(error instanceof TensorflowError)) return error;
    for (const [, node = ''] of error.message.matchAll(/\{\{node ([^}\s]+)\}\}/g)) {
      const line = this.#lines.get(/(?:^|\/)(op\d+)$/.exec(node)?.[1] ?? '');
      if (line === undefined) continue;
      const { type, place } = line;
      const layer = layerOfNode(node);
      const where =
        layer === undefined
          ? ''
          : layer.what === 'layer'
            ? ` in ${nameOf(layer.layer)}`
            : ` in the gradient of ${nameOf(layer.layer)}`;
      const said = error.message
        .replace(/^tensorcell_\w+: /, '')
        .replaceAll(/\s*\[\[(?:\{\{function_node [^}]*\}\})?\{\{node [^}]*\}\}\]\]/g, '')
        .trim();
      let cause: TracedHere | undefined;
      if (place !== undefined) {
        cause = new TracedHere(`this line put ${type} into the compiled graph`);
        cause.stack = `Traced: ${cause.message}\n    at ${place}`;
      }
      return new TensorflowError(error.code, `${type}${where}: ${said}`, { op: type, cause });
    }
    return error;
  }
}
