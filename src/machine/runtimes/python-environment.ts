import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { askPython, SetupError } from './python.ts';
import { compareVersions } from './store.ts';

/** Since then TensorFlow's wheels have a separate library next to Python's extension module. */
const OLDEST = '2.16';
/** TensorFlow's libraries that have to be there. */
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];

/**
 * Where TensorFlow lies and its version, without importing it, which takes seconds. A folder `tensorflow` in the current
 * directory is not it.
 */
const FIND = `
import importlib.metadata, importlib.util, os, sys
sys.path = [folder for folder in sys.path if folder]
spec = importlib.util.find_spec('tensorflow')
if spec and spec.origin:
    for name in ('tensorflow', 'tensorflow-cpu', 'tf-nightly', 'tf-nightly-cpu', 'tensorflow-aarch64'):
        try:
            print(importlib.metadata.version(name)); break
        except importlib.metadata.PackageNotFoundError: pass
    else: print('?')
    print(os.path.dirname(os.path.dirname(spec.origin)))
`;

/**
 * The TensorFlow in a Python environment.
 *
 * @param python its interpreter, or the environment's folder
 * @returns the folder that holds `tensorflow/`, and the version (`?` where its metadata is missing)
 * @throws SetupError when Python does not run, or has no TensorFlow that can be loaded
 */
export function tensorflowOfPython(python: string): { path: string; tensorflow: string } {
  const named = resolve(python);
  const inFolder = join(named, 'bin', 'python');
  const interpreter = existsSync(inFolder) ? inFolder : named;
  const found = askPython(interpreter, FIND);
  if (found === undefined) {
    throw new SetupError('usage', `${interpreter} does not run: name a Python or its environment's folder`);
  }
  const [tensorflow, path] = found.split('\n');
  if (!tensorflow || !path) {
    throw new SetupError(
      'usage',
      `${interpreter} has no TensorFlow: install it there with pip, or name another`,
    );
  }
  const missing = LIBRARIES.find((file) => !existsSync(join(path, 'tensorflow', file)));
  if (missing !== undefined) {
    const old = tensorflow !== '?' && compareVersions(tensorflow, OLDEST) < 0;
    throw new SetupError(
      'usage',
      old
        ? `TensorFlow ${tensorflow} in ${path} is too old: it can be used from ${OLDEST} on (${interpreter} -m pip install --upgrade tensorflow)`
        : `TensorFlow ${tensorflow} in ${path} is not complete: ${missing} is missing (${interpreter} -m pip install --force-reinstall --no-deps tensorflow)`,
    );
  }
  return { path, tensorflow };
}
