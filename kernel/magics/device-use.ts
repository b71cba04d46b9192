import type { BackendDescription } from '../../src/machine/devices/backend-description.ts';
import { detectRuntimes } from '../../src/machine/devices/runtimes.ts';
import type { Machine } from '../../src/machine/devices/index.ts';
import type { MagicContext } from '../contracts/magics.ts';
import { MagicError } from './magic-error.ts';

const PLACE_LIMIT_MS = 10_000;

/** Runtimes that have a device of this family, best first. */
const RUNTIMES: Record<string, readonly string[]> = {
  cuda: ['cuda'],
  directml: ['directml'],
  cpu: ['cpu', 'cuda'],
};

/**
 * `%device use cuda:1|directml|cpu|js`: among the devices of the TensorFlow build in use, ops are placed anew;
 * another build means another runtime process, since one process can load TensorFlow only once.
 */
export async function useDevice(
  context: MagicContext,
  machine: Machine,
  wanted: string,
  backend: BackendDescription | undefined,
): Promise<void> {
  const { output, session } = context;
  const match = /^(cuda|directml|cpu|js)(?::\d+)?$/.exec(wanted);
  if (!match) {
    throw new MagicError('usage', `%device use ${wanted}: write cuda, cuda:1, directml, cpu or js`);
  }
  const [, family = ''] = match;
  const current = backend?.runtime?.name;
  // Python's own TensorFlow computes with CUDA, where it has a GPU at all.
  const gpus = current === 'python' ? 'cuda' : current;
  const has = (type: string, number: number): boolean =>
    backend?.devices.some(({ name }) => name.endsWith(`/device:${type}:${number}`)) ?? false;
  const number = Number(/:(\d+)$/.exec(wanted)?.[1] ?? 0);

  if (family !== 'js' && backend?.backend === 'tensorflow' && backend.loaded) {
    const same = family === 'cpu' ? has('CPU', number) : family === gpus && has('GPU', number);
    if (same) {
      const said = (await session.ask('place', wanted, PLACE_LIMIT_MS)) as { device: string } | undefined;
      if (!said)
        throw new MagicError('unavailable', 'the runtime process is busy: try again when its cell has ended');
      await output.stdout(
        `tf computes on ${said.device.replace('/device:', '')} from now on; variables are kept.\n`,
      );
      return;
    }
    if (family === current) {
      const known = backend.devices.map(({ name }) => name.replace(/^.*\/device:/, '')).join(', ');
      const why = backend.rejected.find(({ what }) => what.startsWith(`${family}-`))?.why;
      throw new MagicError(
        'not-found',
        `%device use ${wanted}: this TensorFlow build has ${known}${why === undefined ? '' : ` (${why})`}; %device why gives the reasons`,
      );
    }
  }

  const installed = detectRuntimes(machine).map(({ name }) => name);
  const runtime = family === 'js' ? 'js' : RUNTIMES[family]?.find((name) => installed.includes(name));
  if (runtime === undefined) {
    throw new MagicError(
      'not-found',
      `%device use ${wanted}: the ${family} build of TensorFlow is not installed: run !tensorcell runtime install ${family}`,
    );
  }
  session.setEnvironment('TENSORCELL_RUNTIME', runtime);
  const bindings = session.bindings().length;
  await output.stdout(
    `Switching to ${runtime === 'js' ? 'plain JavaScript' : `the TensorFlow build ${runtime}`} needs a new runtime process${bindings > 0 ? `: ${bindings} ${bindings === 1 ? 'variable is' : 'variables are'} lost` : ''}.\n`,
  );
  await session.restartRuntime(`%device use ${wanted}`);
}
