import type { RuntimeName } from './catalogue.ts';
import { takeInventory } from '../devices/inventory.ts';
import { selectDevice } from '../devices/selection.ts';
import type { Machine } from '../devices/machine.ts';
import { currentMachine } from '../devices/machine.ts';
import { RUNTIMES } from './catalogue.ts';

export interface Fit {
  /** Undefined where no TensorFlow runs: plain JavaScript serves then. */
  name: RuntimeName | undefined;
  why: string;
  /** Something else that the user may want to know of. */
  hint?: string;
}

/** Drivers get as long as for the doctor: a wrong answer costs a download of gigabytes. */
const LIMIT_MS = 5000;

/**
 * The runtime to install on this machine when the user names none: the choice of the device selection if all were installed.
 * DirectML is only hinted at: its TensorFlow is old, and Microsoft only maintains it.
 */
export async function fittingRuntime(machine: Machine = currentMachine()): Promise<Fit> {
  const inventory = await takeInventory(machine, { limitMs: LIMIT_MS, askAll: true });
  const all = RUNTIMES.map(({ name, version, tensorflow }) => ({ name, version, tensorflow, path: '' }));
  const candidates = selectDevice(machine, inventory, all);
  const [cuda, directml, cpu] = candidates;
  if (cpu && cpu.state === 'rejected') {
    return { name: undefined, why: `${cpu.why}: tf runs in plain JavaScript here` };
  }
  if (cuda?.state === 'chosen') return { name: 'cuda', why: `CUDA can be used: ${cuda.why}` };
  if (cuda?.hardware && !cuda.never) {
    const [first] = cuda.fix;
    const repair = first === undefined || first === 'tensorcell doctor' ? '' : ` (${first})`;
    return {
      name: 'cpu',
      why: `the NVIDIA GPU cannot be used: ${cuda.why}`,
      hint: `"tensorcell doctor" shows the cause${repair}; afterwards: tensorcell runtime install cuda`,
    };
  }
  // Nothing that could be repaired stands in CUDA's way: only then is DirectML worth a word.
  if (cuda?.never && directml?.state === 'chosen') {
    const cards = directml.why.replace(/ \(in maintenance.*$/, '');
    return {
      name: 'cpu',
      why: `CUDA cannot be used: ${cuda.why}`,
      hint: `for ${cards} there is Microsoft's DirectML plugin, in maintenance mode and for an old TensorFlow: tensorcell runtime install directml`,
    };
  }
  return { name: 'cpu', why: `CUDA cannot be used: ${cuda?.why}` };
}
