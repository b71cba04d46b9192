// Parts of simulated machines. Texts are as real machines print them.
import type { BackendDescription } from '../../src/machine/devices/backend-description.ts';
import type { FirstOp } from '../../src/machine/doctor/index.ts';
import type { Entry, MachineSpec } from './simulated-machine.ts';

const MIB = 1024 * 1024;

export const CPUINFO = (flags: string): string =>
  Array.from(
    { length: 4 },
    (_, index) =>
      `processor\t: ${index}\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD Ryzen 7 7840HS w/ Radeon 780M Graphics\nflags\t\t: ${flags}\n`,
  ).join('\n');

const MODERN = 'fpu sse sse2 ssse3 sse4_1 sse4_2 avx avx2 fma';

export const COMMON: Record<string, Entry> = {
  '/etc/os-release': 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\n',
  '/proc/cpuinfo': CPUINFO(MODERN),
  '/proc/meminfo':
    'MemTotal:       16309568 kB\nMemFree:         9000000 kB\nMemAvailable:   12231680 kB\nSwapTotal:       4194304 kB\n',
  '/proc/4242/comm': 'node\n',
  '/proc/4242/status': 'Name:\tnode\nVmRSS:\t  524288 kB\n',
  '/proc/misc': '236 device-mapper\n 10 fuse\n',
  '/lib64/ld-linux-x86-64.so.2': 'ELF',
  '/usr/bin/python3': { script: 'echo "Python 3.12.3"' },
  '/home/ada/.local/share/jupyter/kernels/tensorcell/kernel.json': '{}',
};

export const STORE = '/home/ada/.local/share/tensorcell/runtimes';

export const runtime = (name: string, version = '2.21.0'): Record<string, Entry> => ({
  [`${STORE}/${name}-${version}/runtime.json`]: JSON.stringify({ name, version, tensorflow: version }),
  [`${STORE}/${name}-${version}/tensorflow/libtensorflow_cc.so.2`]: 'ELF',
  [`${STORE}/${name}-${version}/tensorflow/libtensorflow_framework.so.2`]: 'ELF',
});

export const directmlRuntime: Record<string, Entry> = {
  [`${STORE}/directml-2.10.1/runtime.json`]: JSON.stringify({
    name: 'directml',
    version: '2.10.1',
    tensorflow: '2.10.1',
  }),
  ...Object.fromEntries(
    [
      'libtensorcell-python.so',
      'tensorflow/libtensorflow_framework.so.2',
      'tensorflow/python/_pywrap_tensorflow_internal.so',
      'tensorflow-plugins/libtfdml_plugin.so',
    ].map((file) => [`${STORE}/directml-2.10.1/${file}`, 'ELF']),
  ),
};

const NVIDIA_LIBRARIES = [
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

export const cudaRuntime: Record<string, Entry> = {
  ...runtime('cuda'),
  [`${STORE}/cuda-2.21.0/tensorflow/python/platform/build_info.py`]:
    "import collections\n\nbuild_info = collections.OrderedDict([('cpu_compiler', 'clang 18'), ('cuda_compute_capabilities', ['sm_60', 'sm_70', 'sm_80', 'sm_89', 'compute_90']), ('cuda_version', '12.5.1'), ('cudnn_version', '9'), ('is_cuda_build', True)])\n",
  ...Object.fromEntries(
    NVIDIA_LIBRARIES.map((name) => [`${STORE}/cuda-2.21.0/nvidia/${name}/lib/lib${name}.so`, 'ELF']),
  ),
  [`${STORE}/cuda-2.21.0/nvidia/cuda_nvcc/bin/ptxas`]: 'ELF',
  [`${STORE}/cuda-2.21.0/nvidia/cuda_nvcc/nvvm/libdevice/libdevice.10.bc`]: 'BC',
};

const WSL_CACHE: Entry = {
  loaderCache: ['libcuda.so.1', 'libnvidia-ml.so.1', 'libdxcore.so', 'libd3d12.so'].map((name) => ({
    name,
    path: `/usr/lib/wsl/lib/${name}`,
  })),
};

export const WSL: Record<string, Entry> = {
  ...COMMON,
  '/proc/sys/kernel/osrelease': '5.15.167.4-microsoft-standard-WSL2\n',
  '/proc/misc': '236 device-mapper\n 10 fuse\n 59 dxg\n',
  '/proc/sys/fs/binfmt_misc/WSLInterop': 'enabled\n',
  '/dev/dxg': '',
  '/etc/ld.so.conf': 'include /etc/ld.so.conf.d/*.conf\n',
  '/etc/ld.so.conf.d/ld.wsl.conf': '/usr/lib/wsl/lib\n',
  '/etc/ld.so.cache': WSL_CACHE,
  '/usr/lib/wsl/lib/libdxcore.so': { library: 'dxcore' },
  '/usr/lib/wsl/lib/libd3d12.so': 'ELF',
};

const SMI_ROW =
  '0, NVIDIA GeForce RTX 4070 Laptop GPU, GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee, 00000000:01:00.0, 576.52, 8188, 1045, 6915, 37, 12, 58, [N/A], [N/A], 2175, 8001';

export const WSL_NVIDIA: Record<string, Entry> = {
  ...WSL,
  '/usr/lib/wsl/lib/libcuda.so.1': { library: 'cuda' },
  '/usr/lib/wsl/lib/libnvidia-ml.so.1': { library: 'nvml' },
  '/usr/lib/wsl/lib/nvidia-smi': { script: `echo '${SMI_ROW}'` },
};

const WSL_ENVIRONMENT = { WSL_DISTRO_NAME: 'Ubuntu', PATH: '/usr/bin:/bin:/usr/lib/wsl/lib' };

export const LINUX: Record<string, Entry> = {
  ...COMMON,
  '/proc/sys/kernel/osrelease': '6.8.0-48-generic\n',
};

export const CARD: Record<string, Entry> = {
  '/sys/bus/pci/devices/0000:01:00.0/class': '0x030000\n',
  '/sys/bus/pci/devices/0000:01:00.0/vendor': '0x10de\n',
  '/sys/bus/pci/devices/0000:01:00.0/device': '0x2860\n',
};

export const DRIVER: Record<string, Entry> = {
  '/usr/lib/x86_64-linux-gnu/libcuda.so.1': { link: 'libcuda.so.576.52' },
  '/usr/lib/x86_64-linux-gnu/libcuda.so.576.52': { library: 'cuda' },
  '/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1': { library: 'nvml' },
  '/etc/ld.so.cache': {
    loaderCache: ['libcuda.so.1', 'libnvidia-ml.so.1'].map((name) => ({
      name,
      path: `/usr/lib/x86_64-linux-gnu/${name}`,
    })),
  },
  '/usr/bin/nvidia-smi': { script: `echo '${SMI_ROW}'` },
  '/dev/nvidia0': '',
  '/dev/nvidiactl': '',
};

export interface Spec extends MachineSpec {
  /** The notebook's folder. */
  directory?: string;
  /** How the doctor's first operation went; not tried where absent. */
  firstOp?: FirstOp;
  /** The runtime process's description; none when it does not answer. */
  backend?: BackendDescription;
}

const memory = { tensors: 12, bytes: 3.5 * MIB, peakBytes: 12 * MIB };

export const onCpu: BackendDescription = {
  loaded: true,
  backend: 'tensorflow',
  runtime: { name: 'cpu', version: '2.21.0', path: `${STORE}/cpu-2.21.0` },
  tensorflowVersion: '2.21.0',
  library: `${STORE}/cpu-2.21.0/tensorflow/libtensorflow_cc.so.2`,
  devices: [{ name: '/job:localhost/replica:0/task:0/device:CPU:0', type: 'CPU' }],
  threads: { intraOp: 4, interOp: 4 },
  memory,
  rejected: [],
  pid: 4242,
};

export const onCuda: BackendDescription = {
  ...onCpu,
  runtime: { name: 'cuda', version: '2.21.0', path: `${STORE}/cuda-2.21.0` },
  library: `${STORE}/cuda-2.21.0/tensorflow/libtensorflow_cc.so.2`,
  devices: [
    { name: '/job:localhost/replica:0/task:0/device:CPU:0', type: 'CPU' },
    { name: '/job:localhost/replica:0/task:0/device:GPU:0', type: 'GPU' },
  ],
};

export const wsl = (spec: {
  files?: Record<string, Entry | undefined>;
  environment?: Record<string, string>;
  backend?: BackendDescription;
  firstOp?: FirstOp;
  base?: Record<string, Entry>;
  nodeVersion?: string;
}): Spec => {
  const files: Record<string, Entry> = {};
  const all = { ...(spec.base ?? { ...WSL_NVIDIA, ...cudaRuntime }), ...spec.files };
  for (const [path, entry] of Object.entries(all)) if (entry !== undefined) files[path] = entry;
  return {
    files,
    environment: { ...WSL_ENVIRONMENT, ...spec.environment },
    ...(spec.backend ? { backend: spec.backend } : {}),
    ...(spec.firstOp ? { firstOp: spec.firstOp } : {}),
    ...(spec.nodeVersion === undefined ? {} : { nodeVersion: spec.nodeVersion }),
  };
};
