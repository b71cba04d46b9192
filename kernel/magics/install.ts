import { delimiter, dirname } from 'node:path';
import type { Magic, MagicContext } from '../contracts/magics.ts';
import { runProcess } from './child-process.ts';
import { MagicError } from './magic-error.ts';
import { splitWords } from './words.ts';

async function npm(context: MagicContext, npmArguments: readonly string[]): Promise<void> {
  const { session } = context;
  // npm is in the folder of the node that runs the kernel; the PATH of a desktop session often lacks both.
  const path = [session.environment['PATH'], dirname(process.execPath)].filter(Boolean).join(delimiter);
  const environment = { ...session.environment, PATH: path, npm_config_update_notifier: 'false' };
  const end = await runProcess('npm', npmArguments, {
    output: context.output,
    signal: context.signal,
    session: { directory: session.directory, environment },
  });
  if (end.code !== 0) {
    const how = end.signal ?? `exit code ${end.code}`;
    throw new MagicError('command-failed', `npm ${npmArguments.join(' ')}: ${how}; see its output above`);
  }
}

/** `%install name`: an npm package for this notebook, there for the next import. */
export const install: Magic = {
  name: 'install',
  kinds: ['line'],
  summary: "install npm packages in the notebook's folder (with any npm option)",
  usage: '%install package…',
  async run(context) {
    const words = splitWords(context.line);
    if (!words.some((word) => !word.startsWith('-'))) {
      throw new MagicError('usage', '%install needs a package: %install lodash');
    }
    await npm(context, ['install', '--no-audit', '--no-fund', ...words]);
  },
};

export const npmMagic: Magic = {
  name: 'npm',
  kinds: ['line'],
  summary: "run npm in the notebook's folder",
  usage: '%npm command…',
  complete: () => ['install', 'uninstall', 'list', 'outdated', 'update', 'view', 'run'],
  async run(context) {
    await npm(context, splitWords(context.line));
  },
};
