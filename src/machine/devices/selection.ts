import { runtimesFolder } from '../../base/home.ts';
import type { BackendDescription } from './backend-description.ts';
import { judgeCpu } from './candidates/cpu.ts';
import { judgeCuda } from './candidates/cuda.ts';
import { judgeDirectml } from './candidates/directml.ts';
import type { Verdict } from './candidates/verdict.ts';
import type { Inventory } from './inventory.ts';
import type { Machine } from './machine.ts';
import { readText } from './machine.ts';
import { PREFERENCE } from './preference.ts';
import type { InstalledRuntime } from './runtimes.ts';
import { cudaBuildOf, detectBuildInfo, detectRuntimes } from './runtimes.ts';

/** One way to compute. */
export interface Candidate {
  name: (typeof PREFERENCE)[number];
  title: string;
  /** `chosen`: the first that works; `possible`: works too; `rejected`: does not, and `why`. */
  state: 'chosen' | 'possible' | 'rejected';
  /** The findings: for a chosen one those in favor, for others those against. */
  why: string;
  /** Commands or steps that would make it work. */
  fix: string[];
  /** Whether this machine has the hardware, so that its rejection is worth a warning. */
  hardware: boolean;
  /** The user requested this one: better candidates are not missed. */
  requested: boolean;
  /** The hardware can never do it, whatever is installed or repaired. */
  never: boolean;
}

/**
 * The device selection: the candidates, best first, with the reason why each was rejected or chosen.
 *
 * @param assumed TensorFlow builds to take for installed, and no others: what would work with them. A user's request does not
 *   count then.
 */
export function selectDevice(
  machine: Machine,
  inventory: Inventory,
  assumed?: readonly InstalledRuntime[],
): Candidate[] {
  const build = detectBuildInfo(machine);
  const runtimes = assumed ?? detectRuntimes(machine);
  const cuda = judgeCuda(machine, inventory, build, runtimes);
  const judged: Record<Candidate['name'], [title: string, verdict: Verdict]> = {
    cuda: ['NVIDIA GPU with CUDA', cuda],
    directml: ['any GPU with DirectML', judgeDirectml(inventory, cuda, runtimes)],
    cpu: ['CPU with TensorFlow', judgeCpu(machine, inventory, runtimes)],
    js: ['CPU with plain JavaScript', { works: true, hardware: true, why: 'works everywhere, slowly' }],
  };
  const verdicts = PREFERENCE.map((name) => [name, ...judged[name]] as const);
  const { name: wanted, by } = assumed ? { name: undefined, by: '' } : wantedRuntime(machine);
  // Python's TensorFlow takes the GPU where it was built for one and there is one.
  const python = runtimes.find(({ name }) => name === 'python');
  const names =
    wanted !== 'python' ? [wanted] : python && cudaBuildOf(machine, python) ? ['cuda', 'cpu'] : ['cpu'];
  const requested = names
    .map((name) => verdicts.find(([candidate, , { works }]) => works && candidate === name)?.[0])
    .find((name) => name !== undefined);
  const chosen = requested ?? verdicts.find(([, , { works }]) => works)?.[0] ?? 'js';
  return verdicts.map(([name, title, { works, why, fix, hardware, never }]) => ({
    name,
    title,
    state: name === chosen ? 'chosen' : works ? 'possible' : 'rejected',
    why: name === requested ? `${why} (requested by ${by})` : why,
    fix: fix ?? [],
    hardware,
    requested: name === requested,
    never: never === true,
  }));
}

/** The kind of TensorFlow build that the user requested: by the variable, else by `tensorcell runtime use`. */
export function wantedRuntime(machine: Machine): { name: string | undefined; by: string } {
  const kind = (text: string): string => text.replace(/^.*\//, '').replace(/-\d.*$/, '');
  const named = machine.environment['TENSORCELL_RUNTIME'];
  if (named) return { name: kind(named), by: 'TENSORCELL_RUNTIME' };
  const selected = readText(machine, `${runtimesFolder(machine.environment)}/selected.json`);
  try {
    const { runtime } = JSON.parse(selected ?? '{}') as { runtime?: unknown };
    if (typeof runtime === 'string') return { name: kind(runtime), by: 'tensorcell runtime use' };
  } catch {
    // Not written by us: as if nothing had been chosen.
  }
  return { name: undefined, by: '' };
}

/** The chosen one: there always is one, since plain JavaScript works everywhere. */
export function chosenCandidate(candidates: readonly Candidate[]): Candidate {
  const chosen = candidates.find(({ state }) => state === 'chosen');
  if (chosen === undefined) throw new Error('the device selection has no chosen candidate');
  return chosen;
}

/** The candidates before the chosen one whose hardware is there: they would make the session faster. */
export function missedCandidates(candidates: readonly Candidate[]): Candidate[] {
  const chosen = candidates.findIndex(({ state }) => state === 'chosen');
  if (candidates[chosen]?.requested) return [];
  return candidates.slice(0, chosen).filter(({ hardware, state }) => hardware && state === 'rejected');
}

/** Whether the backend that runs is a worse candidate than the chosen one: the runtime process has the reason. */
export function fellShort(candidates: readonly Candidate[], backend: BackendDescription): boolean {
  const chosen = candidates.find(({ state }) => state === 'chosen')?.name;
  const gpu = backend.devices.some(({ type }) => type === 'GPU');
  const running = backend.backend === 'tensorflow' ? (gpu ? (backend.runtime?.name ?? 'cpu') : 'cpu') : 'js';
  const place = (name: string): number => PREFERENCE.findIndex((candidate) => candidate === name);
  return backend.loaded && chosen !== undefined && place(running) > place(chosen);
}
