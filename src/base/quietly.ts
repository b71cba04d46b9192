/** Runs `action` and keeps back the warnings of Node that match: a cell must not show what the kernel itself does. */
export function quietly<T>(pattern: RegExp, action: () => T): T {
  // eslint-disable-next-line typescript/unbound-method -- called with the process as `this`
  const { emitWarning } = process;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (pattern.test(String(warning))) return;
    Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  try {
    return action();
  } finally {
    process.emitWarning = emitWarning;
  }
}
