import type { CheckSection } from './check.ts';
import { CHECKS_BY_HAND } from './checks-by-hand.ts';

/** The checks that need hardware: docs/hardware.md is generated from them. */
export const HARDWARE_CHECKS: readonly CheckSection[] = [
  {
    title: 'No card',
    build: 'cpu',
    checks: [
      { title: 'ops', command: 'by itself', expected: 'equal to plain JavaScript within 1e-4', step: 'ops' },
      {
        title: 'training, compiled',
        command: '`notebooks/01-first-network.ipynb`',
        expected: 'at least 97 % on the test images',
        step: 'training-compiled',
      },
      {
        title: 'training, eager',
        command: 'the same with `%config compile=off`, `%restart`',
        expected: 'at least 97 %',
        step: 'training-eager',
      },
      {
        title: 'training by XLA',
        command: 'the same with `%config xla=on`, `%restart`',
        expected: 'at least 97 %',
        step: 'training-xla',
      },
      {
        title: 'mixed precision',
        command: 'the same with `model.compile({ …, mixedPrecision: true })`, one epoch',
        expected: 'at least 94 %',
        step: 'training-mixed',
      },
      {
        title: 'determinism',
        command: '`%config deterministic=on`, `%restart`, the same training with a seed twice',
        expected: 'equal losses and weights, bit by bit',
        step: 'determinism',
      },
      {
        title: 'the benchmark in short',
        command: 'by itself',
        expected: 'numbers to compare machines with, no claim',
        step: 'speed',
      },
    ],
  },
  {
    title: 'NVIDIA card',
    build: 'cuda',
    text: 'In WSL 2, on Linux and in containers: the status names where it was seen.',
    checks: [
      {
        title: 'ops',
        command: 'by itself, with `%config tf32=off`',
        expected: 'equal to plain JavaScript within 1e-4',
        step: 'ops',
      },
      {
        title: 'training, eager',
        command: 'the first tutorial with `%config compile=off`, `%restart`',
        expected: 'at least 97 % on the test images',
        step: 'training-eager',
      },
      {
        title: 'the benchmark in short',
        command: 'by itself',
        expected: 'numbers to compare machines with, no claim',
        step: 'speed',
      },
      {
        title: 'the driver is found',
        command: '`tensorcell doctor`',
        expected:
          '`libcuda` names `/usr/lib/wsl/lib/libcuda.so.1`; `nvml` and `cuda-init` list the card by name; exit code 0',
        step: 'doctor',
      },
      {
        title: 'the CUDA build loads',
        command: '`tensorcell runtime install cuda`, then `tf.ones([2]).add(1).print(); %device`',
        expected:
          'backend `tensorflow`, runtime `cuda 2.21.0`, devices `CPU:0, GPU:0`; the star is at `cuda:0`',
        step: 'loading',
      },
      {
        title: 'a first op',
        command: '`tensorcell doctor`',
        expected: '`first-operation`: ran on `CPU:0, GPU:0`',
        step: 'first-op',
      },
      {
        title: "NVML's numbers",
        command: '`%device` and `nvidia-smi`',
        expected:
          'memory, utilization, temperature, power and clocks agree apart from changes between the two; where nvidia-smi shows N/A: unavailable',
        step: 'nvml',
      },
      {
        title: 'a driver for CUDA 12.0-12.4',
        command: '`tensorcell doctor`, a training cell, with driver 525 to 555',
        expected: '`driver-version` reports that machine code runs; the training works',
      },
      {
        title: 'the panel without NVML',
        command: '`%device watch` with `libnvidia-ml.so.1` renamed',
        expected: 'values of nvidia-smi, every 10 seconds',
      },
      {
        title: 'time of a query',
        command: '`%time await tensorcell.devices()` (second call)',
        expected: 'under 20 ms',
        step: 'query',
      },
      {
        title: 'memory grows on demand',
        command: '`%device` after `tf.ones([2]).add(1)`',
        expected: "the process holds a few hundred MiB (CUDA's own), not nearly all of the card",
        step: 'memory-growth',
      },
      {
        title: 'a memory limit',
        command: '`%config memory-limit=1024`, `%restart`, `tf.ones([20000, 20000]).add(1)`',
        expected: "out of memory on GPU:0; the driver's free memory is in the message; the next cell works",
        step: 'memory-limit',
      },
      {
        title: 'out of memory',
        command: 'tensors of 1 GiB until it fails',
        expected:
          'an error that names the tensor, the free memory and the largest tensors; the session continues',
        step: 'out-of-memory',
      },
      {
        title: 'the panel',
        command: '`%device watch`, then a training cell',
        expected: 'utilization rises while the cell runs; the panel keeps updating',
      },
      {
        title: 'two cards',
        command: "`tensorcell.device('cuda:1', () => tf.ones([1000, 1000]).matMul(tf.ones([1000, 1000])))`",
        expected: "the second card's memory grows in `%device`, not the first's",
        step: 'two-devices',
      },
      {
        title: 'order of the cards',
        command: '`%device` and `nvidia-smi -L`',
        expected: '`cuda:0` is GPU 0',
        step: 'nvml',
      },
      {
        title: 'hidden cards',
        command: '`CUDA_VISIBLE_DEVICES=1 tensorcell doctor`',
        expected: '`gpu-hidden` names the first card; `%device` calls the second `cuda:0`',
      },
      {
        title: 'training',
        command: '`notebooks/01-first-network.ipynb`',
        expected: 'at least 97 % on the test images; faster than with `%device use cpu`',
        step: 'training-compiled',
      },
      {
        title: 'determinism',
        command: '`%config deterministic=on`, `%restart`, the same training with a seed twice',
        expected: 'equal losses to the last digit',
        step: 'determinism',
      },
      {
        title: 'TF32',
        command: '`%config tf32=off` and `on`, a product of 4096 x 4096 on a card since Ampere',
        expected: "off: slower, and closer to the CPU's result",
      },
      {
        title: 'float16',
        command: '`model.compile({ …, mixedPrecision: true })`, `fit`, `tensorcell.profile`',
        expected:
          'faster than float32 on a card since Volta; `Cast` in the profile; the same accuracy after some epochs',
        step: 'training-mixed',
      },
      {
        title: 'a profile of the GPU',
        command: '`await tensorcell.profile(() => model.fit(…))`',
        expected: 'kernels of `GPU:0` with the names of their ops; `transfer` counts MemcpyH2D and MemcpyD2H',
        step: 'profile',
      },
      {
        title: 'XLA on the GPU',
        command: 'a compiled step',
        expected: '`ptxas` and `libdevice` of the build are found; no warning about them',
        step: 'training-xla',
      },
      {
        title: "XLA's first compilation",
        command: 'a `fit` of minutes, then `%device why` and `tensorcell doctor`',
        expected:
          'one child process compiles and `xla-trials.json` keeps its answer; from compute capability 10 on no child starts and the reason is shown',
      },
      {
        title: 'a card newer than the wheel',
        command: 'first operation on compute capability 10 or 12',
        expected:
          'minutes of translation, once, which `compute-capability` announces; or `CUDA_ERROR_INVALID_PTX`',
      },
      {
        title: 'a driver that hangs',
        command: 'suspend Windows while training, wake it',
        expected: '`%device` answers within a second; `driver-hangs` or `gpu-lost` in the doctor',
      },
    ],
  },
  {
    title: 'AMD or Intel card, WSL 2',
    build: 'directml',
    checks: [
      {
        title: 'the card is found',
        command: '`%device`',
        expected: '`directml:0` with its name, driver version and memory, from DirectX',
        step: 'doctor',
      },
      {
        title: 'the build that fits',
        command: '`tensorcell runtime install`',
        expected: 'installs `cpu` and names `tensorcell runtime install directml`',
      },
      {
        title: 'the DirectML build',
        command: '`tensorcell runtime install directml`, then `%device use directml`',
        expected: 'runtime `directml 2.10.1`, devices `CPU:0, GPU:0`',
        step: 'loading',
      },
      {
        title: 'it is selected',
        command: 'the same, `%config runtime=default`, `%restart`, `%device why`',
        expected: 'DirectML is selected, "in maintenance mode"',
      },
      {
        title: 'two adapters',
        command: "`tensorcell.device('directml:1', () => tf.ones([9]).add(1))`",
        expected: 'computed on the second adapter; `%device` numbers them as DirectML',
      },
      {
        title: 'ops',
        command: '`npm test -- tensorflow` with `TENSORCELL_RUNTIME=directml`',
        expected: 'passes (it does on the CPU with the same build)',
        step: 'ops',
      },
      {
        title: 'training',
        command: '`notebooks/01-first-network.ipynb`',
        expected: 'at least 97 %',
        step: 'training-compiled',
      },
    ],
  },
  {
    title: 'Plain Linux and containers',
    checks: [
      {
        title: "NVIDIA card, distribution's driver",
        command: '`tensorcell doctor`',
        expected: "`libcuda` names the distribution's library; exit code 0",
        step: 'doctor',
      },
      {
        title: 'after a driver update',
        command: '`tensorcell doctor` before the restart',
        expected: '`driver-mismatch`',
      },
      {
        title: 'a container with a GPU',
        command: '`docker run --gpus all … tensorcell doctor`',
        expected: "`container`: with the driver's libraries; exit code 0",
        step: 'doctor',
      },
      {
        title: 'a container without',
        command: '`docker run … tensorcell doctor` on a machine with a card',
        expected: '`container` shows how to start it; exit code 1',
      },
      {
        title: 'two containers on WSL',
        command: '`docker run --gpus device=0 …` with two cards',
        expected: '`container-visible-devices` when both are seen',
      },
    ],
  },
  ...CHECKS_BY_HAND,
];
