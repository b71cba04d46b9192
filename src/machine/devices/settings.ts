import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson, readRegular, writeWhole } from '../../base/files/index.ts';
import { tensorcellHome } from '../../base/home.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type SettingValue = boolean | number | string;

/** A setting of the process that computes. It reaches that process as environment variables, before TensorFlow loads. */
export interface Setting {
  /** As `%config` and the config file name it. */
  name: string;
  kind: 'switch' | 'count' | 'text';
  /** The default, in words. */
  standard: string;
  meaning: string;
  /** Words for completion, where not every value makes sense. */
  words?: readonly string[];
  read(environment: Environment): SettingValue | undefined;
  /** The variables to set; undefined takes one away. `value` undefined goes back to the standard. */
  write(environment: Environment, value: SettingValue | undefined): Record<string, string | undefined>;
}

export class SettingError extends Error {
  readonly code: 'unknown-setting' | 'bad-value' | 'bad-file';

  constructor(code: SettingError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SettingError';
    this.code = code;
  }
}

/** Options of TensorFlow's context travel together, as JSON (`ContextOptions` of src/engines/tensorflow). */
const CONTEXT = 'TENSORCELL_CONTEXT';

function contextOf(environment: Environment): Record<string, unknown> {
  const text = environment[CONTEXT];
  if (!text) return {};
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === 'object' && read !== null ? (read as Record<string, unknown>) : {};
  } catch {
    return {}; // TensorFlow's side says what is wrong with it
  }
}

function contextSetting(
  about: Pick<Setting, 'name' | 'kind' | 'standard' | 'meaning' | 'words'>,
  option: string,
): Setting {
  return {
    ...about,
    read: (environment) => contextOf(environment)[option] as SettingValue | undefined,
    write(environment, value) {
      const context = { ...contextOf(environment), [option]: value };
      if (value === undefined) delete context[option];
      return { [CONTEXT]: Object.keys(context).length > 0 ? JSON.stringify(context) : undefined };
    },
  };
}

/** A variable that means on or off by two texts. */
function switchVariable(
  about: Pick<Setting, 'name' | 'standard' | 'meaning'>,
  variable: string,
  texts: { on: string; off: string },
): Setting {
  return {
    ...about,
    kind: 'switch',
    read(environment) {
      const text = environment[variable];
      if (text === undefined || text === '') return undefined;
      return !/^(0|false|off)$/i.test(text);
    },
    write: (_, value) => ({ [variable]: value === undefined ? undefined : value ? texts.on : texts.off }),
  };
}

export const SETTINGS: readonly Setting[] = [
  contextSetting(
    {
      name: 'memory-growth',
      kind: 'switch',
      standard: 'on',
      meaning: 'GPU memory grows on demand; off: TensorFlow takes all of it at once',
    },
    'memoryGrowth',
  ),
  contextSetting(
    { name: 'memory-limit', kind: 'count', standard: 'none', meaning: 'the limit for each GPU in MiB' },
    'memoryLimitMiB',
  ),
  contextSetting(
    {
      name: 'visible-devices',
      kind: 'text',
      standard: 'all',
      meaning: 'GPUs that TensorFlow may use, by number: 0,2',
    },
    'visibleDevices',
  ),
  contextSetting(
    {
      name: 'threads',
      kind: 'count',
      standard: 'one per logical CPU',
      meaning: "threads that share one op's work",
    },
    'intraOpThreads',
  ),
  contextSetting(
    {
      name: 'threads-between',
      kind: 'count',
      standard: 'one per logical CPU',
      meaning: 'ops that run at the same time',
    },
    'interOpThreads',
  ),
  switchVariable(
    {
      name: 'deterministic',
      standard: 'off',
      meaning: 'the same numbers in every run, slower (ops that cannot do this fail)',
    },
    'TF_DETERMINISTIC_OPS',
    { on: '1', off: '0' },
  ),
  switchVariable(
    {
      name: 'tf32',
      standard: 'on if the GPU supports it',
      meaning: 'matrix products of float32 with 10 bits of mantissa: faster on GPUs since Ampere',
    },
    'NVIDIA_TF32_OVERRIDE',
    { on: '1', off: '0' },
  ),
  switchVariable(
    { name: 'onednn', standard: 'on', meaning: "oneDNN's kernels on the CPU: faster, last bits differ" },
    'TF_ENABLE_ONEDNN_OPTS',
    { on: '1', off: '0' },
  ),
  switchVariable(
    {
      name: 'compile',
      standard: 'on',
      meaning: 'training steps are traced into one function; off: they run eagerly',
    },
    'TENSORCELL_COMPILE',
    { on: 'on', off: 'off' },
  ),
  {
    name: 'xla',
    kind: 'text',
    standard: 'auto',
    meaning: 'XLA compiles loops of training steps: auto (if it measures faster), on, or off',
    words: ['auto', 'on', 'off'],
    read: (environment) => environment['TENSORCELL_XLA'] || undefined,
    write: (_, value) => ({ TENSORCELL_XLA: value === undefined ? undefined : String(value) }),
  },
  {
    name: 'runtime',
    kind: 'text',
    standard: 'the best that fits the machine',
    meaning:
      'the TensorFlow build: cpu, cuda, directml, a version such as cpu-2.21.0, a folder, or js for none',
    words: ['cpu', 'cuda', 'directml', 'js'],
    read: (environment) => environment['TENSORCELL_RUNTIME'] || undefined,
    write: (_, value) => ({ TENSORCELL_RUNTIME: value === undefined ? undefined : String(value) }),
  },
];

/** @throws {SettingError} `unknown-setting` */
export function findSetting(name: string): Setting {
  const setting = SETTINGS.find((setting) => setting.name === name);
  if (setting) return setting;
  throw new SettingError(
    'unknown-setting',
    `there is no setting "${name}": ${SETTINGS.map(({ name }) => name).join(', ')}`,
  );
}

/**
 * A value as people write it. `default` and nothing mean: as if it had never been set.
 *
 * @throws {SettingError} `bad-value`
 */
export function parseSettingValue(setting: Setting, text: string): SettingValue | undefined {
  const word = text.trim();
  if (word === '' || word === 'default') return undefined;
  if (setting.kind === 'switch') {
    if (/^(on|true|1|yes)$/i.test(word)) return true;
    if (/^(off|false|0|no)$/i.test(word)) return false;
    throw new SettingError('bad-value', `${setting.name} is on or off, not "${word}"`);
  }
  if (setting.kind === 'count') {
    if (/^[1-9]\d{0,8}$/.test(word)) return Number(word);
    throw new SettingError('bad-value', `${setting.name} is a whole number from 1 on, not "${word}"`);
  }
  return word;
}

export function formatSettingValue(value: SettingValue): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

/** `config.json` in the folder of everything that Tensorcell keeps for a user. */
export function configFile(environment: Environment = process.env): string {
  return join(tensorcellHome(environment), 'config.json');
}

/**
 * The config file: an object of settings by name, `{ "memory-limit": 4096, "onednn": false }`.
 *
 * @throws {SettingError} `bad-file` when it is not JSON, `unknown-setting` or `bad-value` for what is in it.
 */
export function readConfigFile(path: string): ReadonlyMap<Setting, SettingValue> {
  const values = new Map<Setting, SettingValue>();
  if (!existsSync(path)) return values;
  let read: unknown;
  try {
    read = parseJson(readRegular(path), path);
  } catch (error) {
    throw new SettingError('bad-file', (error as Error).message, { cause: error });
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) {
    throw new SettingError('bad-file', `${path} is not an object of settings: {"memory-limit": 4096}`);
  }
  for (const [name, value] of Object.entries(read)) {
    try {
      const setting = findSetting(name);
      const parsed = parseSettingValue(setting, String(value));
      if (parsed !== undefined) values.set(setting, parsed);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      throw new SettingError(error.code, `${path}: ${error.message}`, { cause: error });
    }
  }
  return values;
}

/** Changes one setting in the config file, atomically. Undefined removes it. */
export function saveSetting(path: string, setting: Setting, value: SettingValue | undefined): void {
  const values = Object.fromEntries([...readConfigFile(path)].map(([{ name }, value]) => [name, value]));
  if (value === undefined) delete values[setting.name];
  else values[setting.name] = value;
  writeWhole(path, `${JSON.stringify(values, null, 2)}\n`);
}

/** The additions to an environment that make the config file hold: only what the environment leaves open. */
export function configuredVariables(environment: Environment): Record<string, string> {
  const added: Record<string, string> = {};
  for (const [setting, value] of readConfigFile(configFile(environment))) {
    const seen = { ...environment, ...added };
    if (setting.read(seen) !== undefined) continue;
    for (const [name, text] of Object.entries(setting.write(seen, value))) {
      if (text !== undefined) added[name] = text;
    }
  }
  return added;
}
