import type { BackendDescription } from '../../src/machine/devices/backend-description.ts';
import {
  SETTINGS,
  SettingError,
  configFile,
  findSetting,
  formatSettingValue,
  parseSettingValue,
  readConfigFile,
  saveSetting,
} from '../../src/machine/devices/settings.ts';
import type { MagicContext } from '../contracts/magics.ts';
import { alignColumns } from './columns.ts';
import { MagicError } from './magic-error.ts';
import { shortenHome } from './path-completion.ts';
import type { SessionMagic } from './registry.ts';

const ANSWER_LIMIT_MS = 300;

/** `%config`: how the runtime process is set up. */
export const config: SessionMagic = {
  name: 'config',
  kinds: ['line'],
  summary: 'show or change settings of the runtime process: memory, threads, determinism',
  usage: '%config [--save] [name=value | name=default]',
  complete(line) {
    const named = /^(?:--save\s+)?([\w-]+)=\S*$/.exec(line.trimStart());
    const setting = named ? SETTINGS.find(({ name }) => name === named[1]) : undefined;
    if (!setting) return ['--save', ...SETTINGS.map(({ name }) => `${name}=`)];
    const words =
      setting.kind === 'switch' ? ['on', 'off', 'default'] : [...(setting.words ?? []), 'default'];
    return words.map((word) => `${setting.name}=${word}`);
  },
  async run(context) {
    const line = context.line.trim();
    try {
      if (line === '') await list(context);
      else await change(context, line);
    } catch (error) {
      if (!(error instanceof SettingError)) throw error;
      throw new MagicError('usage', `%config: ${error.message}`, { cause: error });
    }
  },
};

async function list({ output, session }: MagicContext): Promise<void> {
  const path = configFile(session.environment);
  const saved = readConfigFile(path);
  const rows = SETTINGS.map((setting) => {
    const set = setting.read(session.environment);
    const kept = saved.get(setting);
    const [value, from] =
      set !== undefined
        ? [formatSettingValue(set), 'environment']
        : kept !== undefined
          ? [formatSettingValue(kept), 'config file']
          : [setting.standard, 'default'];
    return [setting.name, value, from, setting.meaning] as const;
  });
  await output.stdout(
    `${alignColumns(rows).join('\n')}\n\nconfig file: ${shortenHome(path, session.environment['HOME'])}\n`,
  );
}

async function change({ output, session }: MagicContext, line: string): Promise<void> {
  const match = /^(--save\s+)?([\w-]+)(?:\s*=\s*|\s+|$)(.*)$/.exec(line);
  if (!match) throw new MagicError('usage', `%config ${line}: write %config memory-limit=4096`);
  const [, save, name = '', text = ''] = match;
  const setting = findSetting(name);
  if (text === '' && !line.includes('=')) {
    const value =
      setting.read(session.environment) ?? readConfigFile(configFile(session.environment)).get(setting);
    await output.stdout(
      `${setting.name}: ${value === undefined ? `${setting.standard} (default)` : formatSettingValue(value)} (${setting.meaning})\n`,
    );
    return;
  }
  const value = parseSettingValue(setting, text);
  for (const [variable, content] of Object.entries(setting.write(session.environment, value))) {
    session.setEnvironment(variable, content);
  }
  if (save) saveSetting(configFile(session.environment), setting, value);
  const loaded = await session
    .ask('device', undefined, ANSWER_LIMIT_MS)
    .then((answer) => (answer as BackendDescription | undefined)?.loaded)
    .catch(() => undefined);
  const when =
    loaded === false
      ? ''
      : loaded === true
        ? ' TensorFlow is already loaded: %restart applies the setting (variables are lost).'
        : ' If TensorFlow is already loaded, %restart applies the setting.';
  const said = value === undefined ? `${setting.standard} (default)` : formatSettingValue(value);
  await output.stdout(`${setting.name}: ${said}${save ? ', saved' : ''}.${when}\n`);
}
