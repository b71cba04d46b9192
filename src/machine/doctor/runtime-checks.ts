import { hasGlibc } from '../devices/inventory.ts';
import { chosenCandidate, wantedRuntime } from '../devices/selection.ts';
import { exists, listFolder, readText, sizeOf } from '../devices/machine.ts';
import type { Machine } from '../devices/machine.ts';
import type { Check } from './check.ts';
import { xlaKnowledge, xlaTrialsFile } from '../devices/xla.ts';
import { PYTHON_STUB } from '../runtimes/python-stub.ts';
import { isLibrary } from '../runtimes/store.ts';
import { formatBytes } from '../../base/text/bytes.ts';
import { broken, note, ok, slow } from './finding.ts';

/** Folders of nvidia packages that TensorFlow's CUDA wheel loads from (its extra `and-cuda`). */
const CUDA_PACKAGES = [
  'cublas',
  'cuda_cupti',
  'cuda_nvrtc',
  'cuda_runtime',
  'cudnn',
  'cufft',
  'curand',
  'cusolver',
  'cusparse',
  'nccl',
  'nvjitlink',
];

const CORE_FILES = ['tensorflow/libtensorflow_cc.so.2', 'tensorflow/libtensorflow_framework.so.2'];
/** TensorFlow 2.10 has its C API in Python's extension module; the plugin brings the device. */
const DIRECTML_FILES = [
  PYTHON_STUB,
  'tensorflow/libtensorflow_framework.so.2',
  'tensorflow/python/_pywrap_tensorflow_internal.so',
  'tensorflow-plugins/libtfdml_plugin.so',
];
/** Files that XLA runs or reads to compile for a GPU. NVIDIA's package has no nvlink: XLA links with libnvJitLink. */
const XLA_FILES = ['nvidia/cuda_nvcc/bin/ptxas', 'nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc'];

function missingCudaPackages(machine: Machine, path: string): string[] {
  return CUDA_PACKAGES.filter(
    (name) => !listFolder(machine, `${path}/nvidia/${name}/lib`).some((file) => file.includes('.so')),
  );
}

/** Libraries whose size is not what the installation wrote down: `libtensorflow_cc.so.2 has 10 of 500 bytes`. */
function damagedLibraries(machine: Machine, path: string): string[] {
  let files: Record<string, number> | undefined;
  try {
    ({ files } = JSON.parse(readText(machine, `${path}/runtime.json`) ?? '{}') as typeof files & {
      files?: Record<string, number>;
    });
  } catch {
    return [];
  }
  return Object.entries(files ?? {}).flatMap(([file, bytes]) => {
    const found = isLibrary(file) ? sizeOf(machine, `${path}/${file}`) : bytes;
    if (found === bytes) return [];
    return [found === undefined ? `${file} is missing` : `${file} has ${found} of ${bytes} bytes`];
  });
}

export const runtimeChecks: readonly Check[] = [
  {
    code: 'libc',
    look({ machine, inventory }) {
      return hasGlibc(machine)
        ? undefined
        : broken(
            `${inventory.system.distribution ?? 'this system'} has no glibc: TensorFlow's libraries cannot be loaded, only plain JavaScript works`,
            'use a distribution with glibc, such as Ubuntu, Debian or Fedora',
          );
    },
  },
  {
    code: 'cpu-avx',
    look({ machine, inventory: { system } }) {
      if (machine.architecture !== 'x64' || system.cpu.flags.size === 0) return undefined;
      return system.cpu.flags.has('avx')
        ? ok(`${system.cpu.model ?? 'the CPU'} supports what TensorFlow's libraries need`)
        : broken(
            `${system.cpu.model ?? 'the CPU'} has no AVX: TensorFlow's libraries would end with an illegal instruction, only plain JavaScript works`,
            'use a CPU from 2011 or later; in a virtual machine, switch CPU passthrough on',
          );
    },
  },
  {
    code: 'memory-limit',
    look({ machine, inventory: { system } }) {
      const addressSpace = /^Max address space\s+(\d+)/m.exec(
        readText(machine, '/proc/self/limits') ?? '',
      )?.[1];
      if (addressSpace !== undefined) {
        return broken(
          `a limit of ${formatBytes(Number(addressSpace))} of address space is set: TensorFlow and CUDA reserve far more than they use`,
          'ulimit -v unlimited   (before JupyterLab is started)',
        );
      }
      const limit = Number(readText(machine, '/sys/fs/cgroup/memory.max') ?? Number.NaN);
      const total = system.memory.totalBytes;
      if (!Number.isFinite(limit) || total === null || limit >= total) return undefined;
      return limit < 4 * 1024 ** 3
        ? slow(
            `this ${system.container ? 'container' : 'session'} may use ${formatBytes(limit)} of the machine's ${formatBytes(total)} of memory`,
            system.container ? 'docker run --memory 8g …' : 'raise MemoryMax of its systemd unit',
          )
        : ok(`up to ${formatBytes(limit)} of memory may be used`);
    },
  },
  {
    code: 'runtime',
    look({ candidates, runtimes, machine }) {
      const chosen = chosenCandidate(candidates);
      const installed = runtimes.map(({ name, version }) => `${name} ${version}`).join(', ');
      const { name, by } = wantedRuntime(machine);
      const refused = candidates.find(
        (candidate) => candidate.name === name && candidate.state === 'rejected',
      );
      if (refused) {
        return slow(
          `${by} requests ${name}, which cannot be used: ${refused.why}`,
          by === 'TENSORCELL_RUNTIME' ? 'unset TENSORCELL_RUNTIME' : 'tensorcell runtime use auto',
        );
      }
      const missing = candidates
        .slice(0, candidates.indexOf(chosen))
        .find(({ why, hardware }) => hardware && /not installed|no TensorFlow runtime/.test(why));
      if (missing) return slow(`${missing.title}: ${missing.why}`, ...missing.fix);
      if (runtimes.length === 0 && hasGlibc(machine)) {
        return slow(
          'no TensorFlow build is installed: tf runs in plain JavaScript, slowly',
          'tensorcell runtime install',
        );
      }
      return runtimes.length === 0
        ? undefined
        : ok(`installed TensorFlow builds: ${installed}; ${chosen.title} will be used`);
    },
  },
  {
    code: 'runtime-libraries',
    look({ runtimes, machine }) {
      for (const { name, version, path } of runtimes) {
        const lacks = (files: readonly string[]): string[] =>
          files.filter((file) => !exists(machine, `${path}/${file}`));
        const nvidia = name === 'cuda' ? missingCudaPackages(machine, path) : [];
        const missing = [
          ...lacks(name === 'directml' ? DIRECTML_FILES : CORE_FILES),
          ...nvidia.map((folder) => `nvidia/${folder}`),
        ];
        const repair =
          name === 'python'
            ? [`install TensorFlow again in its environment, in ${path}`]
            : [`tensorcell runtime install ${name}`];
        const damaged = damagedLibraries(machine, path);
        if (damaged.length > 0 && missing.length === 0) {
          return broken(
            `TensorFlow build ${name} ${version} is damaged: ${damaged.slice(0, 3).join(', ')}${damaged.length > 3 ? ` and ${damaged.length - 3} more` : ''}`,
            ...repair,
          );
        }
        if (missing.length > 0) {
          return broken(
            `TensorFlow build ${name} ${version} lacks ${missing.join(', ')} (TensorFlow says "Could not load dynamic library")`,
            ...repair,
          );
        }
        const tools = name === 'cuda' ? lacks(XLA_FILES) : [];
        if (tools.length > 0) {
          return slow(
            `TensorFlow build ${name} ${version} lacks ${tools.join(', ')}: XLA cannot compile for the GPU`,
            ...repair,
          );
        }
      }
      return runtimes.length === 0
        ? undefined
        : ok(
            `the libraries of ${runtimes.length === 1 ? 'the TensorFlow build are' : 'all TensorFlow builds are'} complete`,
          );
    },
  },
  {
    code: 'xla',
    look({ machine, inventory, candidates, runtimes, build }) {
      const runtime = runtimes.find(({ name }) => name === 'cuda');
      const serves = candidates.some(({ name, state }) => name === 'cuda' && state !== 'rejected');
      if (runtime === undefined || !serves) return undefined;
      const cards = inventory.devices.filter(
        ({ vendor, source, id, unavailable }) =>
          vendor === 'NVIDIA' && source !== 'directx' && id !== null && unavailable['name'] === undefined,
      );
      const xla = xlaKnowledge(machine, cards, build, runtime);
      if (xla === undefined) return undefined;
      if (xla.works) return ok(`XLA was tried on this GPU with this driver and TensorFlow build: ${xla.why}`);
      if (!xla.tried) {
        return note(
          `training steps run without XLA: ${xla.why}`,
          'tensorcell runtime install cuda   (when a newer build is available)',
        );
      }
      return slow(
        `training steps run without XLA: ${xla.why}`,
        'update the NVIDIA driver: XLA is then tried again',
        `or, to try again with this one: rm ${xlaTrialsFile(machine.environment)}`,
      );
    },
  },
  {
    code: 'first-operation',
    look({ firstOp, runtimes }) {
      if (!firstOp) return undefined;
      if (!firstOp.ok)
        return broken(`a first operation failed: ${firstOp.message}`, 'tensorcell runtime install');
      if (firstOp.backend !== 'tensorflow' && runtimes.length > 0) {
        return broken(
          `a TensorFlow build is installed, but a first operation ran in plain JavaScript${firstOp.why ? `: ${firstOp.why}` : ''}`,
          'tensorcell runtime install',
        );
      }
      const where = firstOp.devices.join(', ') || 'plain JavaScript';
      const why = firstOp.why ? `; ${firstOp.why}` : '';
      return ok(`a first operation ran on ${where} (${firstOp.milliseconds} ms including loading)${why}`);
    },
  },
  {
    code: 'node',
    look({ machine }) {
      const [major, minor] = machine.nodeVersion.split('.').map(Number) as [number, number];
      const enough = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22;
      return enough
        ? ok(`Node ${machine.nodeVersion}`)
        : broken(
            `Node ${machine.nodeVersion} is too old: 20.19, 22.12 or newer is needed`,
            'install Node 22 or 24 (nodejs.org, or nvm install 24)',
          );
    },
  },
  {
    code: 'python',
    async look(context) {
      const answer = await context.command('python3', ['--version']);
      if (!answer) {
        return slow(
          'there is no python3: JupyterLab and "tensorcell runtime install" need it',
          'sudo apt-get install python3 python3-venv',
        );
      }
      const version = /Python (\d+)\.(\d+)\S*/.exec(answer.output);
      if (!version) return slow('python3 does not run', 'python3 --version');
      const [, major, minor] = version.map(Number) as [number, number, number];
      return major > 3 || (major === 3 && minor >= 10)
        ? ok(version[0])
        : slow(
            `${version[0]} is too old for JupyterLab: 3.10 or newer is needed`,
            'sudo apt-get install python3.12 python3.12-venv',
          );
    },
  },
  {
    code: 'jupyter',
    look({ machine, directory }) {
      const { environment } = machine;
      const folders = [
        ...(environment['JUPYTER_PATH'] ?? '').split(':').filter(Boolean),
        ...(environment['VIRTUAL_ENV'] ? [`${environment['VIRTUAL_ENV']}/share/jupyter`] : []),
        ...upwards(directory).map((folder) => `${folder}/.venv/share/jupyter`),
        `${environment['XDG_DATA_HOME'] ?? `${environment['HOME'] ?? ''}/.local/share`}/jupyter`,
        '/usr/local/share/jupyter',
        '/usr/share/jupyter',
      ];
      const spec = folders
        .map((folder) => `${folder}/kernels/tensorcell`)
        .find((folder) => exists(machine, `${folder}/kernel.json`));
      return spec === undefined
        ? note(
            'the kernel is not registered with Jupyter yet',
            'npm run lab   (in the checkout), or: tensorcell install',
          )
        : ok(`Jupyter finds the kernel in ${spec}`);
    },
  },
];

/** A folder and all above it. */
function upwards(folder: string): string[] {
  const parts = folder.split('/').filter(Boolean);
  return parts.map((_, index) => `/${parts.slice(0, parts.length - index).join('/')}`);
}
