import { CUDA_WHEEL, type BuildInfo } from '../../../src/machine/devices/runtimes.ts';
import {
  findXlaTrial,
  parseXlaTrials,
  xlaCapabilityProblem,
  type XlaTrial,
} from '../../../src/machine/devices/xla.ts';

const newer = { ...CUDA_WHEEL, cudaVersion: '12.9.1', machineCode: [75, 80, 90, 120], ptx: [120] };

test.each([
  ['6.0', CUDA_WHEEL, true],
  ['7.5', CUDA_WHEEL, true],
  ['8.9', CUDA_WHEEL, true],
  ['9.0', CUDA_WHEEL, true],
  ['10.0', CUDA_WHEEL, false],
  ['12.0', CUDA_WHEEL, false],
  ['12.1', CUDA_WHEEL, false],
  ['12.0', newer, true],
  ['12.1', newer, true],
  ['13.0', newer, false],
  [null, CUDA_WHEEL, true],
  ['12.0', { ...CUDA_WHEEL, machineCode: [], ptx: [] }, true],
] as [string | null, BuildInfo, boolean][])(
  'XLA compiles for compute capability %s: as the build knows',
  (capability, build, expected) => {
    const problem = xlaCapabilityProblem('a card', capability, build);
    expect(problem === undefined).toBe(expected);
  },
);

test('the reason names the card, its capability and the build', () => {
  expect(xlaCapabilityProblem('NVIDIA GeForce RTX 5090', '12.0', CUDA_WHEEL)).toBe(
    'NVIDIA GeForce RTX 5090 has compute capability 12.0, and the XLA of this TensorFlow build (CUDA 12.5.1) ' +
      'supports GPUs up to 9.0: it would crash the process',
  );
});

const trial: XlaTrial = {
  device: 'NVIDIA GeForce RTX 4070',
  capabilities: ['8.9'],
  cuda: '12.8',
  driver: '/usr/lib/libcuda.so.570.86.15',
  build: 'cuda-2.21.0',
  works: false,
  why: 'SIGSEGV',
  timedOut: false,
  at: 1000,
};

test.each([
  ['nothing', undefined],
  ['an empty file', ''],
  ['half a file', JSON.stringify({ trials: [trial] }).slice(0, 60)],
  ['another value', '[1, 2]'],
  ['null', 'null'],
  ['trials that are no list', '{"trials": {}}'],
  ['bytes', '\0\0\0\0'],
  [
    'entries of other kinds',
    JSON.stringify({ trials: [null, 1, 'x', { ...trial, works: 'yes' }, { at: 1 }] }),
  ],
])('a damaged file remembers nothing: %s', (_, text) => {
  expect(parseXlaTrials(text)).toEqual([]);
});

test('a damaged entry does not take the others along', () => {
  expect(parseXlaTrials(JSON.stringify({ trials: [{ broken: true }, trial] }))).toEqual([trial]);
});

test('a trial answers for its device, driver and build only, and without an answer for seven days', () => {
  const day = 24 * 3600 * 1000;
  expect(findXlaTrial([trial], trial, 100 * day)).toBe(trial);
  for (const change of [
    { device: 'another' },
    { capabilities: ['9.0'] },
    { cuda: '12.9' },
    { driver: '/usr/lib/libcuda.so.575.1' },
    { build: 'cuda-2.22.0' },
  ]) {
    expect(findXlaTrial([trial], { ...trial, ...change }, 2000)).toBeUndefined();
  }
  const hung = { ...trial, timedOut: true };
  expect(findXlaTrial([hung], trial, 6 * day)).toBe(hung);
  expect(findXlaTrial([hung], trial, 8 * day)).toBeUndefined();
});
