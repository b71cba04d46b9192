import { join } from 'node:path';
import { runtimeRelease } from '../src/machine/runtimes/catalogue.ts';
import { fittingRuntime } from '../src/machine/runtimes/fit.ts';
import { downloadBytes, installRuntime } from '../src/machine/runtimes/install.ts';
import { SetupError } from '../src/machine/runtimes/python.ts';
import { damagedFiles, findRuntime, sizeOnDisk } from '../src/machine/runtimes/store.ts';
import { formatFileSize } from '../src/base/text/bytes.ts';
import { prepareEnvironment } from './environment.ts';
import { registerKernel } from './kernelspec.ts';
import type { Places } from './places.ts';
import type { Reporter } from './progress.ts';

export interface SetupOptions {
  environment?: string | undefined;
  /** More locked requirement files for the environment. */
  requirements?: readonly string[] | undefined;
  /** `cpu`, `cuda`, `directml` or `none`; what fits the machine otherwise. */
  runtime?: string | undefined;
}

/**
 * Everything that JupyterLab with this kernel needs: the Python environment, the TensorFlow build, the kernelspec.
 * Each step is skipped when it is done already. Returns the environment's folder.
 */
export async function setUp(places: Places, options: SetupOptions, report: Reporter): Promise<string> {
  const environment = options.environment ?? places.environment;
  await prepareEnvironment(environment, [places.requirements, ...(options.requirements ?? [])], report);
  // A folder that TENSORCELL_RUNTIME names is enough.
  const named = options.runtime === undefined && (process.env['TENSORCELL_RUNTIME'] ?? '') !== '';
  if (options.runtime !== 'none' && !named) await ensureRuntime(options.runtime, [environment], report);
  const { folder, changed } = registerKernel(join(environment, 'share', 'jupyter'), places.dist);
  if (changed) report.say(`registered the kernel in ${folder}`);
  return environment;
}

/**
 * Installs a TensorFlow build unless it is there: the named one, else what fits the machine. `from` is a folder with its
 * wheels, for machines without a network; `tell` says it when there is nothing to do.
 */
export async function ensureRuntime(
  wanted: string | undefined,
  environments: readonly string[],
  report: Reporter,
  from?: string,
  tell = false,
): Promise<void> {
  const fit = wanted === undefined ? await fittingRuntime() : undefined;
  if (fit && fit.name === undefined) {
    report.say(`no TensorFlow build is installed: ${fit.why}`);
    return;
  }
  const name = wanted ?? fit?.name ?? 'cpu';
  const release = runtimeRelease(name);
  if (!release)
    throw new SetupError('usage', `unknown TensorFlow build "${name}": use cpu, cuda or directml`);
  const id = `${release.name}-${release.version}`;
  const present = findRuntime(id);
  const damaged = present?.id === id ? damagedFiles(present) : [];
  if (damaged.length > 0) {
    report.say(
      `${id} is damaged (${damaged[0]}${damaged.length > 1 ? ` and ${damaged.length - 1} more` : ''}): installing it again`,
    );
  } else if (present?.id === id) {
    if (tell) report.say(`${id} is installed in ${present.path}`);
    return;
  }
  report.say(
    `installing the ${release.name} build${fit ? `, because ${fit.why}` : ''}: TensorFlow ${release.tensorflow}, ` +
      `${formatFileSize(downloadBytes(release))} to fetch, ${formatFileSize(release.installedBytes)} installed`,
  );
  if (fit?.hint) report.say(fit.hint);
  if (release.warning) report.say(release.warning);
  const installed = await installRuntime(release, {
    environments,
    say: (line) => report.say(line),
    progress: (step, done, total) => report.progress(step, done, total),
    ...(from ? { from } : {}),
  });
  report.say(
    `TensorFlow ${installed.tensorflow} is in ${installed.path}: ${formatFileSize(sizeOnDisk(installed.path))}`,
  );
}
