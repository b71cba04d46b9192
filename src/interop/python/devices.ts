/** The devices of Python's side, and how they share with TypeScript's: sentences for `%device` and the doctor. Pure but for `examine`. */
import { execFile } from 'node:child_process';
import { formatBytes } from '../../base/text/bytes.ts';
import { escapeHtml } from '../../base/text/html.ts';
import type { PythonEnvironment, Surroundings } from './environments.ts';
import { environmentFor } from './environments.ts';

interface TorchDevice {
  name: string | null;
  /** Of the whole card, and null before torch has used it. */
  freeBytes: number | null;
  totalBytes: number | null;
  /** The memory of torch's tensors, and the memory that its allocator holds for them. */
  tensorBytes: number | null;
  reservedBytes: number | null;
}

/** As bridge/tensorcell_devices.py says it. A package that is missing was not loaded (or is not there). */
export interface PythonDevices {
  pid: number;
  version: string;
  executable: string;
  torch?: { version: string; cuda: string | null; available: boolean; devices: TorchDevice[] };
  torch_directml?: { version: string; devices: string[] };
  tensorflow?: {
    version: string;
    cuda: string | null;
    devices: string[];
    growth: boolean;
    tensorBytes: number | null;
  };
  /** Packages that are installed and do not load, with the reason. */
  failed?: Record<string, string>;
}

/** The state of TypeScript's side that matters to Python's. */
export interface OurSide {
  /** Newest CUDA that the driver runs, such as `12.9`; null without an NVIDIA driver. */
  driverCuda: string | null;
  /** CUDA that our TensorFlow brought along, while it computes with it. */
  ownCuda: string | null;
  gpus: {
    id: string | null;
    name: string | null;
    totalBytes: number | null;
    /** By process, where the driver tells. */
    processes: { processId: number; memoryBytes: number | null }[] | null;
  }[];
}

export interface PythonSection {
  lines: string[];
  warnings: { text: string; fix: string[] }[];
}

/** More than this share of a card's memory in one process leaves nothing for the other. */
const ALL_OF_IT = 0.85;

/** Sentences on a Python that runs, or was tried. */
export function describePython(python: PythonDevices, ours: OurSide): PythonSection {
  const lines = [`Python ${python.version} (${python.executable}), process ${python.pid}`];
  const warnings: PythonSection['warnings'] = [];
  const { torch, torch_directml: directml, tensorflow } = python;
  if (torch) {
    const built = torch.cuda === null ? 'built without CUDA' : `with CUDA ${torch.cuda}`;
    const names = torch.devices.map(({ name }, index) => `cuda:${index} ${name ?? '(name unavailable)'}`);
    lines.push(`torch ${torch.version}, ${built}: ${names.length > 0 ? names.join(', ') : 'the CPU'}`);
    for (const [index, { tensorBytes, reservedBytes }] of torch.devices.entries()) {
      if (tensorBytes === null || reservedBytes === null) continue;
      lines.push(`  cuda:${index}: tensors ${formatBytes(tensorBytes)}, held ${formatBytes(reservedBytes)}`);
    }
    if (torch.cuda === null && ours.driverCuda !== null && !directml) {
      warnings.push({
        text: `torch ${torch.version} was built without CUDA, so it computes on the CPU although there is an NVIDIA GPU`,
        fix: [`${python.executable} -m pip install --upgrade --force-reinstall torch`],
      });
    } else if (torch.cuda !== null && !torch.available && canShare(torch.cuda, ours.driverCuda) !== false) {
      if (ours.driverCuda !== null)
        warnings.push({ text: `torch ${torch.version} has CUDA and finds no GPU`, fix: ['%doctor'] });
    }
  }
  if (directml)
    lines.push(`torch-directml ${directml.version}: ${directml.devices.join(', ') || 'no adapter'}`);
  if (tensorflow) {
    const built = tensorflow.cuda === null ? 'built without CUDA' : `with CUDA ${tensorflow.cuda}`;
    lines.push(
      `tensorflow ${tensorflow.version}, ${built}: ${tensorflow.devices.length > 0 ? tensorflow.devices.join(', ') : 'the CPU'}`,
    );
    if (tensorflow.tensorBytes !== null) lines.push(`  tensors ${formatBytes(tensorflow.tensorBytes)}`);
    if (tensorflow.devices.length > 0 && !tensorflow.growth) {
      warnings.push({
        text: 'TensorFlow in Python takes all memory of the GPU at once, so that TypeScript gets none',
        fix: [
          "before its first operation: tf.config.experimental.set_memory_growth(tf.config.list_physical_devices('GPU')[0], True)",
          'or: %env TF_FORCE_GPU_ALLOW_GROWTH=true, then %python restart',
        ],
      });
    }
  }
  if (!torch && !tensorflow && !directml) lines.push('neither torch nor tensorflow is loaded');
  for (const [name, why] of Object.entries(python.failed ?? {})) {
    warnings.push({
      text: `${name} is installed in ${python.executable} and does not load: ${why}`,
      fix: [],
    });
  }
  for (const [name, cuda] of [
    ['torch', torch?.cuda],
    ['tensorflow', tensorflow?.cuda],
  ] as const) {
    if (cuda === null || cuda === undefined || canShare(cuda, ours.driverCuda) !== false) continue;
    const own =
      ours.ownCuda === null
        ? ''
        : `; TypeScript's side, with CUDA ${ours.ownCuda}, ${canShare(ours.ownCuda, ours.driverCuda) === false ? 'does not either' : 'does'}`;
    warnings.push({
      text: `${name} in Python needs CUDA ${cuda}, and the driver runs up to ${ours.driverCuda}: it will not work with this driver${own}`,
      fix: [
        'a newer NVIDIA driver for Windows (for Linux outside of WSL), or a build of the package for an older CUDA',
      ],
    });
  }
  lines.push(...shares(python, ours, warnings));
  return { lines, warnings };
}

/** How much of each card each process holds, where the driver or torch reports it. */
function shares(python: PythonDevices, ours: OurSide, warnings: PythonSection['warnings']): string[] {
  const lines: string[] = [];
  for (const [index, gpu] of ours.gpus.entries()) {
    const told = gpu.processes?.find(({ processId }) => processId === python.pid)?.memoryBytes ?? null;
    const held = told ?? python.torch?.devices[index]?.reservedBytes ?? null;
    if (held === null) continue;
    const where = gpu.id ?? gpu.name ?? `GPU ${index}`;
    lines.push(
      `  ${where}: Python holds ${formatBytes(held)}${told === null ? ' (as reported by torch)' : ''}`,
    );
    if (gpu.totalBytes !== null && held > ALL_OF_IT * gpu.totalBytes) {
      warnings.push({
        text: `Python holds ${formatBytes(held)} of ${where}'s ${formatBytes(gpu.totalBytes)}: TypeScript will run out of memory`,
        fix: ['in Python: del what is not needed, then torch.cuda.empty_cache()', '%python restart'],
      });
    }
  }
  return lines;
}

/**
 * Whether a package built for this CUDA runs on a driver that says this one: any minor version does on a driver of the
 * same major version, and older majors do on newer drivers. Undefined when one of them is not known.
 * https://docs.nvidia.com/deploy/cuda-compatibility/ (minor version and backward compatibility)
 */
export function canShare(built: string, driver: string | null): boolean | undefined {
  const [major, supported] = [Number.parseInt(built, 10), Number.parseInt(driver ?? '', 10)];
  return Number.isNaN(major) || Number.isNaN(supported) ? undefined : major <= supported;
}

export function sectionText({ lines, warnings }: PythonSection): string {
  const [first = '', ...rest] = lines;
  const said = warnings.flatMap(({ text, fix }) => ['', `! ${text}`, ...fix.map((step) => `    ${step}`)]);
  return `${[first, ...rest.map((line) => `  ${line}`), ...said].join('\n')}\n`;
}

export function sectionHtml({ lines, warnings }: PythonSection): string {
  const [first = '', ...rest] = lines;
  const items = rest.map((line) => `<li>${escapeHtml(line.trim())}</li>`).join('');
  const said = warnings.map(
    ({ text, fix }) =>
      `<p>⚠ ${escapeHtml(text)}${fix.map((step) => `<br>→ <code>${escapeHtml(step)}</code>`).join('')}</p>`,
  );
  return `<p><b>${escapeHtml(first)}</b></p><ul>${items}</ul>${said.join('')}`;
}

/** Loading torch from a cold disk of WSL takes its time. */
const EXAMINE_MS = 60_000;

/**
 * Loads torch and tensorflow of an environment in a separate process and asks them.
 * @throws Error when Python does not answer; the message gives the reason
 */
export async function examine(
  { executable }: Pick<PythonEnvironment, 'executable'>,
  { environment }: Pick<Surroundings, 'environment'>,
  script: string,
): Promise<PythonDevices> {
  return await new Promise((resolve, reject) => {
    execFile(
      executable,
      [script],
      { timeout: EXAMINE_MS, env: environmentFor(executable, environment) },
      (error, stdout, stderr) => {
        if (error) {
          const why = error.killed ? `no answer in ${EXAMINE_MS / 1000} s` : stderr.trim().split('\n').at(-1);
          reject(new Error(`${executable}: ${why || error.message}`, { cause: error }));
        } else resolve(JSON.parse(stdout) as PythonDevices);
      },
    );
  });
}
