import { findSetting } from '../devices/settings.ts';

/**
 * The variables that give a process settings by their names in `%config`.
 *
 * @throws {SettingError} `unknown-setting`
 */
export function settingVariables(
  environment: Readonly<Record<string, string | undefined>>,
  settings: Readonly<Record<string, boolean | number | string>>,
): Record<string, string | undefined> {
  const variables: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(settings))
    Object.assign(variables, findSetting(name).write({ ...environment, ...variables }, value));
  return variables;
}
