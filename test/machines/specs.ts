// The matrix: one entry for each machine and each way it fails.
import { join } from 'node:path';
import {
  CARD,
  COMMON,
  CPUINFO,
  DRIVER,
  LINUX,
  STORE,
  WSL,
  WSL_NVIDIA,
  cudaRuntime,
  directmlRuntime,
  onCpu,
  onCuda,
  runtime,
  wsl,
  type Spec,
} from './machine-parts.ts';

/** The files that a trial of XLA left in the user's folder. */
const xlaTrials = (works: boolean): Record<string, string> => ({
  [join(STORE, '..', 'xla-trials.json')]: JSON.stringify({
    trials: [
      {
        device: 'NVIDIA GeForce RTX 4070 Laptop GPU',
        capabilities: ['8.9'],
        cuda: '12.9',
        driver: '/usr/lib/wsl/lib/libcuda.so.1',
        build: 'cuda-2.21.0',
        works,
        why: works
          ? 'compiled on CPU:0, GPU:0'
          : 'the child process that tried XLA ended with SIGABRT (LLVM ERROR: Cannot select: intrinsic)',
        timedOut: false,
        at: 1000,
      },
    ],
  }),
});

export const SPECS: Record<string, Spec> = {
  'wsl2-nvidia': wsl({
    backend: onCuda,
    firstOp: { ok: true, backend: 'tensorflow', devices: ['CPU:0', 'GPU:0'], milliseconds: 2100 },
  }),
  'wsl2-nvidia-two': wsl({ environment: { FAKE_NVML: 'two' }, backend: onCuda }),
  'wsl2-nvidia-second-only': wsl({
    environment: { FAKE_NVML: 'two', CUDA_VISIBLE_DEVICES: '1' },
    backend: onCuda,
  }),
  'wsl2-nvidia-hidden': wsl({
    environment: { CUDA_VISIBLE_DEVICES: '-1' },
    files: runtime('cpu'),
    backend: onCpu,
  }),
  'wsl2-nvidia-busy': wsl({}),
  'wsl2-nvidia-not-installed': wsl({ base: { ...WSL_NVIDIA, ...runtime('cpu') }, backend: onCpu }),
  'wsl2-nvidia-nothing-installed': wsl({ base: WSL_NVIDIA }),
  wsl1: wsl({
    base: { ...COMMON, '/proc/sys/kernel/osrelease': '4.4.0-19041-Microsoft\n', ...runtime('cpu') },
    environment: { PATH: '/usr/bin:/bin' },
    backend: onCpu,
  }),
  'wsl2-no-dxg': wsl({
    base: { ...WSL, '/proc/misc': '10 fuse\n', ...runtime('cpu') },
    files: { '/dev/dxg': undefined },
    backend: onCpu,
  }),
  'wsl2-gpu-off': wsl({
    base: { ...WSL_NVIDIA, ...runtime('cpu') },
    files: {
      '/dev/dxg': undefined,
      '/usr/lib/wsl/lib/libcuda.so.1': undefined,
      '/usr/lib/wsl/lib/libnvidia-ml.so.1': undefined,
      '/usr/lib/wsl/lib/nvidia-smi': undefined,
      '/usr/lib/wsl/lib/libdxcore.so': undefined,
      '/etc/wsl.conf': '# mine\n[boot]\nsystemd=true\n[gpu]\nenabled = false\n',
    },
    backend: onCpu,
  }),
  'wsl2-gpu-off-for-all': wsl({
    base: { ...WSL, ...runtime('cpu') },
    files: {
      '/dev/dxg': undefined,
      '/usr/lib/wsl/lib/libdxcore.so': undefined,
      '/mnt/c/Users/Ada/.wslconfig': '[wsl2]\r\nmemory=8GB\r\ngpuSupport=false\r\n',
    },
    backend: onCpu,
  }),
  'wsl2-loader-path': wsl({
    files: {
      '/etc/ld.so.conf.d/ld.wsl.conf': undefined,
      '/etc/ld.so.cache': { loaderCache: [] },
      '/etc/wsl.conf': '[gpu]\nappendLibPath=false\n',
    },
    backend: onCuda,
  }),
  'wsl2-no-windows-driver': wsl({ base: { ...WSL, ...runtime('cpu') }, backend: onCpu }),
  'wsl2-smi-not-on-path': wsl({ environment: { PATH: '/usr/bin:/bin' }, backend: onCuda }),
  'wsl2-linux-driver-inside': wsl({
    files: {
      '/usr/lib/x86_64-linux-gnu/libcuda.so.1': { link: 'libcuda.so.535.183.01' },
      '/usr/lib/x86_64-linux-gnu/libcuda.so.535.183.01': { library: 'cuda' },
      '/etc/ld.so.cache': {
        loaderCache: [
          { name: 'libcuda.so.1', path: '/usr/lib/x86_64-linux-gnu/libcuda.so.1' },
          { name: 'libcuda.so.1', path: '/usr/lib/wsl/lib/libcuda.so.1' },
          { name: 'libnvidia-ml.so.1', path: '/usr/lib/wsl/lib/libnvidia-ml.so.1' },
          { name: 'libdxcore.so', path: '/usr/lib/wsl/lib/libdxcore.so' },
        ],
      },
      '/var/lib/dpkg/status':
        'Package: bash\nStatus: install ok installed\n\nPackage: libnvidia-compute-535\nStatus: install ok installed\nVersion: 535.183.01-0ubuntu0.22.04.1\n\nPackage: libnvidia-compute-470\nStatus: deinstall ok config-files\n',
    },
    environment: { FAKE_CUDA: 'init=100' },
    backend: {
      ...onCpu,
      rejected: [{ what: 'CUDA', why: 'cuInit: no CUDA-capable device is detected', fix: '%doctor' }],
    },
  }),
  'wsl2-library-path': wsl({
    environment: { LD_LIBRARY_PATH: '/usr/lib/x86_64-linux-gnu:/opt/lib', FAKE_CUDA: 'init=100' },
    files: { '/usr/lib/x86_64-linux-gnu/libcuda.so.1': { library: 'cuda' } },
    backend: onCpu,
  }),
  'wsl2-stub-library': wsl({
    environment: { LD_LIBRARY_PATH: '/usr/local/cuda/lib64/stubs', FAKE_CUDA: 'init=34' },
    files: { '/usr/local/cuda/lib64/stubs/libcuda.so.1': { library: 'cuda' } },
    backend: onCpu,
  }),
  'wsl2-access-blocked': wsl({
    environment: { FAKE_NVML: 'init=17' },
    files: {
      '/usr/lib/wsl/lib/nvidia-smi': {
        script: 'echo "Failed to initialize NVML: GPU access blocked by the operating system"; exit 17',
      },
    },
  }),
  'wsl2-smi-only': wsl({ files: { '/usr/lib/wsl/lib/libnvidia-ml.so.1': undefined }, backend: onCuda }),
  'wsl2-smi-crashes': wsl({
    files: {
      '/usr/lib/wsl/lib/libnvidia-ml.so.1': undefined,
      '/usr/lib/wsl/lib/nvidia-smi': { script: 'kill -SEGV $$' },
    },
    backend: onCuda,
  }),
  'wsl2-smi-crashes-alone': wsl({
    files: { '/usr/lib/wsl/lib/nvidia-smi': { script: 'kill -SEGV $$' } },
    backend: onCuda,
  }),
  'wsl2-nvml-crashes': wsl({
    environment: { FAKE_NVML: 'crash' },
    files: { '/usr/lib/wsl/lib/nvidia-smi': { script: 'kill -SEGV $$' } },
    backend: onCuda,
  }),
  'wsl2-driver-hangs': wsl({ environment: { FAKE_NVML: 'hang', FAKE_CUDA: 'hang' } }),
  'wsl2-not-supported': wsl({ environment: { FAKE_NVML: 'unsupported' }, backend: onCuda }),
  'wsl2-gpu-lost': wsl({ environment: { FAKE_NVML: 'lost,two' } }),
  'wsl2-old-nvml': wsl({
    files: { '/usr/lib/wsl/lib/libnvidia-ml.so.1': { library: 'nvml-old' } },
    backend: onCuda,
  }),
  'wsl2-driver-too-old': wsl({
    environment: { FAKE_NVML: 'old-driver' },
    files: runtime('cpu'),
    backend: onCpu,
  }),
  'wsl2-kepler': wsl({ environment: { FAKE_NVML: 'kepler' }, files: runtime('cpu'), backend: onCpu }),
  'wsl2-blackwell': wsl({ environment: { FAKE_NVML: 'blackwell' }, backend: onCuda }),
  'wsl2-xla-crashed': wsl({ files: xlaTrials(false), backend: onCuda }),
  'wsl2-xla-works': wsl({ files: xlaTrials(true), backend: onCuda }),
  'wsl2-memory-full': wsl({ environment: { FAKE_NVML: 'full' }, backend: onCuda }),
  'wsl2-growth-off': wsl({ environment: { TF_FORCE_GPU_ALLOW_GROWTH: 'false' }, backend: onCuda }),
  'wsl2-driver-minor': wsl({ environment: { FAKE_NVML: 'minor-driver' }, backend: onCuda }),
  'wsl2-blackwell-driver-minor': wsl({
    environment: { FAKE_NVML: 'blackwell,minor-driver' },
    files: runtime('cpu'),
    backend: onCpu,
  }),
  'wsl2-missing-ptxas': wsl({
    files: { [`${STORE}/cuda-2.21.0/nvidia/cuda_nvcc/bin/ptxas`]: undefined },
    backend: onCuda,
  }),
  'wsl2-missing-cudnn': wsl({
    files: { [`${STORE}/cuda-2.21.0/nvidia/cudnn/lib/libcudnn.so`]: undefined },
    backend: onCpu,
  }),
  'wsl2-own-kernel': wsl({
    base: { ...WSL, ...runtime('cpu') },
    files: {
      '/proc/sys/kernel/osrelease': '6.6.36-ada\n',
      '/proc/misc': '10 fuse\n',
      '/dev/dxg': undefined,
      '/mnt/c/Users/Ada/.wslconfig': '[wsl2]\r\nkernel=C:\\\\kernels\\\\vmlinux\r\n',
    },
    backend: onCpu,
  }),
  'wsl2-half-memory': wsl({
    files: {
      '/proc/meminfo':
        'MemTotal:        4028000 kB\nMemAvailable:    3000000 kB\nSwapTotal:       1048576 kB\n',
      '/mnt/c/Users/Ada/.wslconfig': '[wsl2]\nmemory=4GB\n',
    },
    backend: onCuda,
  }),
  'wsl2-amd': wsl({
    base: { ...WSL, ...runtime('cpu') },
    environment: { FAKE_DXCORE: 'amd' },
    backend: onCpu,
  }),
  'wsl2-amd-directml': wsl({
    base: { ...WSL, ...runtime('cpu'), ...directmlRuntime },
    environment: { FAKE_DXCORE: 'both' },
    backend: {
      ...onCpu,
      runtime: { name: 'directml', version: '2.10.1', path: `${STORE}/directml-2.10.1` },
      tensorflowVersion: '2.10.1',
      devices: [
        { name: '/job:localhost/replica:0/task:0/device:CPU:0', type: 'CPU' },
        { name: '/job:localhost/replica:0/task:0/device:GPU:0', type: 'GPU' },
      ],
    },
  }),
  'wsl2-intel': wsl({
    base: { ...WSL, ...runtime('cpu') },
    environment: { FAKE_DXCORE: 'intel' },
    backend: onCpu,
  }),
  'wsl2-intel-directml-damaged': wsl({
    base: { ...WSL, ...runtime('cpu'), ...directmlRuntime },
    environment: { FAKE_DXCORE: 'intel' },
    files: { [`${STORE}/directml-2.10.1/tensorflow-plugins/libtfdml_plugin.so`]: undefined },
    backend: onCpu,
    firstOp: { ok: false, message: 'the process ended with SIGSEGV' },
  }),
  'linux-directml-asked': {
    files: { ...LINUX, ...runtime('cpu'), ...directmlRuntime },
    environment: { TENSORCELL_RUNTIME: 'directml' },
    backend: {
      ...onCpu,
      runtime: { name: 'directml', version: '2.10.1', path: `${STORE}/directml-2.10.1` },
      tensorflowVersion: '2.10.1',
      library: `${STORE}/directml-2.10.1/tensorflow/python/_pywrap_tensorflow_internal.so`,
      rejected: [
        {
          what: 'directml-2.10.1',
          why: 'there is no /dev/dxg: DirectML works only inside WSL 2, where Windows shares its card',
          fix: '%doctor',
        },
      ],
    },
    firstOp: {
      ok: true,
      backend: 'tensorflow',
      devices: ['CPU:0'],
      milliseconds: 900,
      why: 'directml-2.10.1: there is no /dev/dxg: DirectML works only inside WSL 2, where Windows shares its card',
    },
  },
  'linux-python-tensorflow': {
    files: {
      ...LINUX,
      ...CARD,
      ...DRIVER,
      [`${STORE}/selected.json`]: JSON.stringify({
        runtime: 'python',
        path: '/home/ada/env/lib/python3.12/site-packages',
        tensorflow: '2.20.0',
      }),
      '/home/ada/env/lib/python3.12/site-packages/tensorflow/libtensorflow_cc.so.2': 'ELF',
      '/home/ada/env/lib/python3.12/site-packages/tensorflow/libtensorflow_framework.so.2': 'ELF',
      '/home/ada/env/lib/python3.12/site-packages/tensorflow/python/platform/build_info.py':
        "build_info = collections.OrderedDict([('cuda_compute_capabilities', ['sm_60', 'sm_70', 'sm_80', 'sm_89', 'compute_90']), ('cuda_version', '12.5.1'), ('is_cuda_build', True)])\n",
    },
    backend: {
      ...onCuda,
      runtime: { name: 'python', version: '2.20.0', path: '/home/ada/env/lib/python3.12/site-packages' },
      tensorflowVersion: '2.20.0',
      library: '/home/ada/env/lib/python3.12/site-packages/tensorflow/libtensorflow_cc.so.2',
    },
  },
  'linux-nvidia': { files: { ...LINUX, ...CARD, ...DRIVER, ...cudaRuntime }, backend: onCuda },
  'linux-no-driver': { files: { ...LINUX, ...CARD, ...runtime('cpu') }, backend: onCpu },
  'linux-version-mismatch': {
    files: {
      ...LINUX,
      ...CARD,
      ...DRIVER,
      ...cudaRuntime,
      '/usr/bin/nvidia-smi': {
        script: 'echo "Failed to initialize NVML: Driver/library version mismatch"; exit 18',
      },
    },
    environment: { FAKE_NVML: 'init=18', FAKE_CUDA: 'init=803' },
    backend: {
      ...onCpu,
      runtime: onCuda.runtime!,
      rejected: [{ what: 'CUDA', why: 'cuInit failed (803)' }],
    },
  },
  'linux-no-gpu': { files: { ...LINUX, ...runtime('cpu') }, backend: onCpu },
  'linux-no-avx': {
    files: { ...LINUX, ...runtime('cpu'), '/proc/cpuinfo': CPUINFO('fpu sse sse2 ssse3') },
    backend: { loaded: true, backend: 'cpu', devices: [], memory: { tensors: 0, bytes: 0 }, rejected: [] },
  },
  'linux-musl': {
    files: {
      ...Object.fromEntries(Object.entries(LINUX).filter(([path]) => path !== '/lib64/ld-linux-x86-64.so.2')),
      '/etc/os-release': 'PRETTY_NAME="Alpine Linux v3.20"\nID=alpine\n',
      '/lib/ld-musl-x86_64.so.1': 'ELF',
    },
    backend: { loaded: true, backend: 'cpu', devices: [], memory: { tensors: 0, bytes: 0 }, rejected: [] },
  },
  'container-toolkit': {
    files: {
      ...LINUX,
      ...CARD,
      ...DRIVER,
      ...cudaRuntime,
      '/.dockerenv': '',
      '/proc/self/mountinfo':
        '700 690 8:1 /usr/lib/libnvidia-ml.so.576.52 /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1 ro - ext4 /dev/sda1 ro\n701 690 8:1 /usr/lib/libcuda.so.576.52 /usr/lib/x86_64-linux-gnu/libcuda.so.576.52 ro - ext4 /dev/sda1 ro\n',
    },
    environment: { NVIDIA_VISIBLE_DEVICES: 'all' },
    backend: onCuda,
  },
  'container-no-toolkit': {
    files: { ...LINUX, ...CARD, ...runtime('cpu'), '/.dockerenv': '' },
    environment: { NVIDIA_VISIBLE_DEVICES: 'all' },
    backend: onCpu,
  },
  'container-lost-nvml': {
    files: {
      ...LINUX,
      ...CARD,
      ...DRIVER,
      ...cudaRuntime,
      '/.dockerenv': '',
      '/usr/bin/nvidia-smi': { script: 'echo "Failed to initialize NVML: Unknown Error"; exit 255' },
      '/proc/self/mountinfo':
        '700 690 8:1 /x /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1 ro - ext4 /dev/sda1 ro\n701 690 8:1 /y /usr/lib/x86_64-linux-gnu/libcuda.so.576.52 ro - ext4 /dev/sda1 ro\n',
    },
    environment: { FAKE_NVML: 'init=999', FAKE_CUDA: 'init=999' },
  },
  'container-driver-in-image': {
    files: {
      ...LINUX,
      ...CARD,
      ...DRIVER,
      ...cudaRuntime,
      '/.dockerenv': '',
      '/proc/self/mountinfo': '690 1 0:52 / / rw - overlay overlay rw\n',
      '/dev/nvidia0': '',
    },
    environment: { FAKE_NVML: 'init=18' },
  },
  'container-on-wsl': wsl({
    files: {
      '/.dockerenv': '',
      '/proc/self/mountinfo': '700 690 8:1 /x /usr/lib/wsl/lib ro - 9p drivers ro\n',
    },
    environment: { FAKE_NVML: 'two', NVIDIA_VISIBLE_DEVICES: '0' },
    backend: onCuda,
  }),
  'wsl2-stale-cdi': wsl({
    files: {
      '/etc/cdi/nvidia.yaml':
        'cdiVersion: 0.3.0\ncontainerEdits:\n  mounts:\n  - containerPath: /usr/lib/wsl/drivers/nvlt.inf_amd64_old/libcuda.so.1.1\n    hostPath: /usr/lib/wsl/drivers/nvlt.inf_amd64_old/libcuda.so.1.1\n    options: [ro]\n  - hostPath: /usr/lib/wsl/lib/libdxcore.so\n    containerPath: /usr/lib/wsl/lib/libdxcore.so\nkind: nvidia.com/gpu\n',
      '/usr/bin/docker': { script: 'echo no' },
      '/usr/bin/nvidia-ctk': { script: 'echo no' },
      '/etc/docker/daemon.json': '{"runtimes": {"nvidia": {"path": "nvidia-container-runtime"}}}',
    },
    backend: onCuda,
  }),
  'wsl2-directx-fails': wsl({
    base: { ...WSL, ...runtime('cpu') },
    environment: { FAKE_DXCORE: 'error' },
    backend: onCpu,
  }),
  'container-little-memory': {
    files: { ...LINUX, ...runtime('cpu'), '/.dockerenv': '', '/sys/fs/cgroup/memory.max': '2147483648\n' },
    backend: onCpu,
  },
  'linux-address-space': {
    files: {
      ...LINUX,
      ...runtime('cpu'),
      '/proc/self/limits':
        'Limit                     Soft Limit           Hard Limit           Units     \nMax address space         8589934592           unlimited            bytes     \n',
    },
    backend: onCpu,
  },
  'wsl2-no-adapter': wsl({
    base: { ...WSL, ...runtime('cpu') },
    environment: { FAKE_DXCORE: 'none' },
    backend: onCpu,
  }),
  'wsl2-cache-off': wsl({ environment: { CUDA_CACHE_DISABLE: '1' }, backend: onCuda }),
  'wsl2-docker-not-configured': wsl({
    files: {
      '/usr/bin/docker': { script: 'echo no' },
      '/usr/bin/nvidia-ctk': { script: 'echo no' },
      '/etc/docker/daemon.json': '{}',
    },
    backend: onCuda,
  }),
  'wsl2-windows-drive': { ...wsl({ backend: onCuda }), directory: '/mnt/c/Users/Ada/notebooks' },
  'wsl2-old-tools': {
    ...wsl({
      files: {
        '/usr/bin/python3': { script: 'echo "Python 3.8.10"' },
        '/proc/sys/kernel/osrelease': '5.4.72-microsoft-standard-WSL2\n',
        '/usr/bin/dmesg': {
          script: 'echo "[ 1.0] misc dxg: dxgk: dxgkio_is_feature_enabled: Ioctl failed: -22"',
        },
      },
      backend: onCuda,
      nodeVersion: '18.20.4',
    }),
  },
  'wsl2-no-python': wsl({
    files: {
      '/usr/bin/python3': undefined,
      '/home/ada/.local/share/jupyter/kernels/tensorcell/kernel.json': undefined,
    },
    backend: onCuda,
  }),
  'wsl2-docker-without-toolkit': wsl({
    files: { '/usr/bin/docker': { script: 'echo no' } },
    backend: onCuda,
  }),
  'wsl2-snap-docker': wsl({
    files: {
      '/snap/bin/docker': { script: 'echo no' },
      '/snap/docker/current/meta/snap.yaml': 'name: docker\n',
    },
    backend: onCuda,
  }),
};

/** The machine that runs tests may be busy: only where a driver hangs does a time limit end the wait. */
export const lookLimits = (name: string): { limitMs: number; nvmlLimitMs: number } => ({
  limitMs: 20_000,
  nvmlLimitMs: name.includes('hang') ? 1500 : 20_000,
});
