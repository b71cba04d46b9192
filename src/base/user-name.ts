import { userInfo } from 'node:os';

/**
 * Name of the user, for message headers. Containers often run under a user id that has no entry in the password
 * database (`docker run -u 12345`, OpenShift), where Node's `userInfo` throws: the environment's name then, or the id.
 */
export function userName(environment: NodeJS.ProcessEnv = process.env): string {
  try {
    return userInfo().username;
  } catch {
    return environment['USER'] || environment['LOGNAME'] || `uid-${process.getuid?.() ?? 0}`;
  }
}
