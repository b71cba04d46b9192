import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { config } from '../../../kernel/magics/config.ts';
import { parseDeviceName } from '../../../src/api/placement.ts';
import {
  SETTINGS,
  configuredVariables,
  findSetting,
  formatSettingValue,
  parseSettingValue,
  readConfigFile,
  saveSetting,
} from '../../../src/machine/devices/settings.ts';
import { call, testSession } from '../../magics/session.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tensorcell-settings-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

test('what is written is read again, and the standard takes it away', () => {
  for (const setting of SETTINGS) {
    const value = setting.kind === 'switch' ? false : setting.kind === 'count' ? 7 : 'cpu';
    const environment = setting.write({}, value);
    expect([setting.name, setting.read(environment)]).toEqual([setting.name, value]);
    const cleared = { ...environment, ...setting.write(environment, undefined) };
    expect([setting.name, setting.read(cleared)]).toEqual([setting.name, undefined]);
  }
});

test('options of the context share one variable', () => {
  const first = findSetting('memory-limit').write({}, 4096);
  const second = findSetting('threads').write(first, 2);
  expect(second).toEqual({ TENSORCELL_CONTEXT: '{"memoryLimitMiB":4096,"intraOpThreads":2}' });
  expect(findSetting('memory-limit').write(second, undefined)).toEqual({
    TENSORCELL_CONTEXT: '{"intraOpThreads":2}',
  });
  expect(findSetting('threads').read({ TENSORCELL_CONTEXT: 'no JSON' })).toBeUndefined();
});

test.each([
  ['memory-growth', 'off', false],
  ['memory-growth', 'True', true],
  ['memory-growth', 'maybe', 'memory-growth is on or off, not "maybe"'],
  ['threads', '4', 4],
  ['threads', '0', 'threads is a whole number from 1 on, not "0"'],
  ['threads', '2.5', 'threads is a whole number from 1 on, not "2.5"'],
  ['threads', 'default', undefined],
  ['visible-devices', ' 0,2 ', '0,2'],
])('%s=%s', (name, text, value) => {
  const parse = (): unknown => parseSettingValue(findSetting(name), text);
  if (typeof value === 'string' && value.includes('not')) expect(parse).toThrow(value);
  else expect(parse()).toBe(value);
});

test('the environment goes before the config file', () => {
  const path = join(home, 'config.json');
  writeFileSync(path, '{"memory-limit": 2048, "threads": 3, "onednn": false, "runtime": "cpu"}');
  expect(
    configuredVariables({
      TENSORCELL_HOME: home,
      TENSORCELL_CONTEXT: '{"intraOpThreads":1}',
      TENSORCELL_RUNTIME: 'js',
    }),
  ).toEqual({
    TENSORCELL_CONTEXT: '{"intraOpThreads":1,"memoryLimitMiB":2048}',
    TF_ENABLE_ONEDNN_OPTS: '0',
  });
  expect(configuredVariables({ TENSORCELL_HOME: join(home, 'none') })).toEqual({});
});

test.each([
  ['{', /is not JSON/],
  ['[]', /is not an object of settings/],
  ['{"memory": 1}', /config\.json: there is no setting "memory": memory-growth, /],
  ['{"threads": "many"}', /config\.json: threads is a whole number from 1 on, not "many"/],
])('a config file of %s is refused', (text, message) => {
  const path = join(home, 'config.json');
  writeFileSync(path, text);
  expect(() => readConfigFile(path)).toThrow(message);
});

test('saving keeps the other settings', () => {
  const path = join(home, 'deep', 'config.json');
  saveSetting(path, findSetting('threads'), 3);
  saveSetting(path, findSetting('tf32'), false);
  saveSetting(path, findSetting('threads'), undefined);
  expect(readFileSync(path, 'utf8')).toBe('{\n  "tf32": false\n}\n');
});

async function run(text: string, session = testSession()): Promise<string> {
  const { context, recorded } = call(text, session);
  await config.run(context);
  return recorded.stdout;
}

test('%config lists, shows, sets and saves', async () => {
  mkdirSync(home, { recursive: true });
  const session = testSession({
    environment: { TENSORCELL_HOME: home, TF_DETERMINISTIC_OPS: '1' },
    answer: () => ({ loaded: true }),
  });
  expect(await run('%config --save threads=2', session)).toBe(
    'threads: 2, saved. TensorFlow is already loaded: %restart applies the setting (variables are lost).\n',
  );
  session.setEnvironment('TENSORCELL_CONTEXT', undefined);
  const lines = (await run('%config', session)).split('\n').map((line) => line.split(/ {2,}/).slice(0, 3));
  expect(lines).toEqual(
    expect.arrayContaining([
      ['threads', '2', 'config file'],
      ['deterministic', 'on', 'environment'],
      ['memory-growth', 'on', 'default'],
    ]),
  );
  expect(await run('%config deterministic', session)).toMatch(/^deterministic: on \(the same numbers/);
  expect(await run('%config deterministic=default', session)).toMatch(/^deterministic: off \(default\)\./);
  expect(session.environment['TF_DETERMINISTIC_OPS']).toBeUndefined();
  await expect(run('%config memroy=1', session)).rejects.toThrow('%config: there is no setting "memroy"');
  expect(config.complete!('thr')).toContain('threads=');
  expect(config.complete!('--save tf32=o')).toEqual(['tf32=on', 'tf32=off', 'tf32=default']);
  expect(formatSettingValue(true)).toBe('on');
});

test.each([
  ['cuda:1', 'cuda', '/device:GPU:1'],
  ['CPU', 'cpu', '/device:CPU:0'],
  ['directml', 'directml', '/device:GPU:0'],
  ['/device:GPU:2', 'gpu', '/device:GPU:2'],
])('device %s', (name, family, device) => {
  expect(parseDeviceName(name)).toEqual({ family, device });
});

test('a name that means no device is refused', () => {
  expect(() => parseDeviceName('tpu:0')).toThrow(
    '"tpu:0" is not a device: write cuda:0, directml:0, gpu:0 or cpu',
  );
});
