import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PYTHON_STUB } from '../../machine/runtimes/python-stub.ts';

/** The files of one TensorFlow runtime that are mapped into the process. */
export interface RuntimeLibraries {
  /** In the order in which they have to be mapped. */
  load: string[];
  /** Those that export the C API, the likelier ones first. */
  api: string[];
  /** The library that is TensorFlow's own, for people to see. */
  main: string;
  /** Libraries that bring a kind of device (TF_LoadPluggableDeviceLibrary). */
  plugins: string[];
}

const FRAMEWORK = 'libtensorflow_framework.so.2';
const MODERN = 'libtensorflow_cc.so.2';
/** Before TensorFlow 2.16 the C API was in Python's extension module only. */
const EXTENSION = join('python', '_pywrap_tensorflow_internal.so');

/**
 * The files to map of the TensorFlow build whose `tensorflow` folder this is; undefined when there is none. Of older versions only
 * those are known that Tensorcell installed: their library needs the stand-in for Python in the same folder.
 */
export function runtimeLibraries(folder: string): RuntimeLibraries | undefined {
  const framework = join(folder, FRAMEWORK);
  const modern = join(folder, MODERN);
  if (existsSync(modern)) {
    return { load: [framework, modern], api: [modern, framework], main: modern, plugins: [] };
  }
  const extension = join(folder, EXTENSION);
  const stub = join(dirname(folder), PYTHON_STUB);
  if (!existsSync(extension) || !existsSync(stub)) return undefined;
  const plugins = join(dirname(folder), 'tensorflow-plugins');
  return {
    load: [stub, framework, extension],
    api: [extension, framework],
    main: extension,
    plugins: existsSync(plugins)
      ? readdirSync(plugins)
          .filter((name) => name.endsWith('.so'))
          .map((name) => join(plugins, name))
      : [],
  };
}
