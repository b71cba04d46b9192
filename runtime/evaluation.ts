import type { CompiledCell } from '../kernel/contracts/compiled-cells.ts';
import type { CompileResult } from '../kernel/contracts/compiler.ts';
import type { MainMessage } from '../kernel/contracts/messages.ts';
import type { CellError } from '../kernel/contracts/values.ts';
import { Execution } from './execution.ts';
import type { Rendered } from './rendered.ts';

/** The value or error of each expression, by its name. */
export type EvaluatedValues = Record<string, { payload: Rendered } | { error: CellError }>;

/**
 * User expressions, one after the other, each a separate execution; an interrupt ends those that have not begun too.
 *
 * @param run runs one, and ends it with its `finish`.
 */
export function evaluate(
  message: Extract<MainMessage, { type: 'evaluate' }>,
  sequence: number,
  run: (execution: Execution, cell: CompiledCell, show: (payload: Rendered) => void) => void,
  done: (values: EvaluatedValues) => void,
): void {
  // Names come from the front end; `__proto__` is one like any other here.
  const values = Object.create(null) as EvaluatedValues;
  const entries = Object.entries(message.expressions);
  const step = (index: number): void => {
    const entry = entries[index];
    if (!entry) {
      done(values);
      return;
    }
    const [name, compiled]: [string, CompileResult] = entry;
    if (!compiled.ok) {
      values[name] = {
        error: {
          name: 'SyntaxError',
          message: compiled.problem.message,
          traceback: [compiled.frame],
          reason: 'syntax',
        },
      };
      step(index + 1);
      return;
    }
    const execution = new Execution(message.execution, {
      sequence,
      silent: false,
      allowStdin: false,
      finish: (_ended, error) => {
        if (error) values[name] = { error };
        else values[name] ??= { payload: { data: { 'text/plain': 'undefined' }, metadata: {} } };
        if (error?.reason === 'interrupted') {
          for (const [rest] of entries.slice(index + 1)) values[rest] = { error };
          done(values);
        } else step(index + 1);
      },
    });
    run(execution, compiled.cell, (payload) => {
      values[name] = { payload };
    });
  };
  step(0);
}
