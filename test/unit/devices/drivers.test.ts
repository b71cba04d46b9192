import { formatCudaVersion } from '../../../src/machine/devices/cuda/report.ts';
import { parseCdiPaths, parseMountPoints } from '../../../src/machine/doctor/container-checks.ts';
import { parseInstalledPackages } from '../../../src/machine/doctor/library-checks.ts';
import { parseNvidiaSmi, smiPaths } from '../../../src/machine/devices/nvidia-smi.ts';
import { smiDevices, visibleNumbers } from '../../../src/machine/devices/nvidia.ts';
import {
  capabilityFit,
  cudaObstacle,
  cudaReportProblem,
  driverFit,
} from '../../../src/machine/devices/cuda/fit.ts';
import { CUDA_WHEEL, parseBuildInfo } from '../../../src/machine/devices/runtimes.ts';
import { formatBytes, formatShare } from '../../../src/base/text/bytes.ts';

const TWO = [
  { index: 0, uuid: 'GPU-aaaa-1' },
  { index: 1, uuid: 'GPU-bbbb-2' },
];

test.each([
  [undefined, [0, 1]],
  ['', [null, null]],
  ['-1', [null, null]],
  ['1', [null, 0]],
  ['1,0', [1, 0]],
  ['0,7,1', [0, null]],
  ['GPU-bbbb', [null, 0]],
  [' 0 , 1 ', [0, 1]],
  ['GPU-', [null, null]],
])('CUDA_VISIBLE_DEVICES=%s shows %j', (setting, numbers) => {
  expect(visibleNumbers(setting, TWO)).toEqual(numbers);
});

const LINE =
  '0, NVIDIA GeForce RTX 4070, GPU-a, 00000000:01:00.0, 576.52, 8188, 1045, 6915, [N/A], [Not Supported], 58, [Unknown Error], 105.00, 2175, 8001';

test('nvidia-smi: values, refusals and sentences', () => {
  const { rows, sentences } = parseNvidiaSmi(`${LINE}\n\nNo devices were found\n`);
  expect(sentences).toEqual(['No devices were found']);
  const [device] = smiDevices(rows, {});
  expect(device).toEqual(
    expect.objectContaining({
      id: 'cuda:0',
      name: 'NVIDIA GeForce RTX 4070',
      driverVersion: '576.52',
      memoryTotalBytes: 8188 * 1024 ** 2,
      utilizationPercent: null,
      powerWatts: null,
      powerLimitWatts: 105,
      temperatureCelsius: 58,
      processes: null,
    }),
  );
  expect(device!.unavailable).toEqual({
    utilizationPercent: 'not supported by this device or driver',
    memoryUtilizationPercent: 'not supported by this device or driver',
    powerWatts: 'unknown error of the driver',
    computeCapability: 'nvidia-smi does not report it here',
    cudaVersion: 'nvidia-smi does not report it here',
    processes: 'nvidia-smi does not report it here',
  });
});

test("nvidia-smi is looked for on the PATH, then in WSL's folder", () => {
  expect(smiPaths({ PATH: '/usr/bin:relative:/usr/lib/wsl/lib' })).toEqual([
    '/usr/bin/nvidia-smi',
    '/usr/lib/wsl/lib/nvidia-smi',
  ]);
});

test("TensorFlow's build information, as pairs and as a dictionary", () => {
  const pairs =
    "build_info = collections.OrderedDict([('cuda_compute_capabilities', ['sm_60', 'sm_120', 'compute_90']), ('cuda_version', '12.5.1'), ('cudnn_version', '9')])";
  expect(parseBuildInfo(pairs)).toEqual({
    cudaVersion: '12.5.1',
    cudnnVersion: '9',
    machineCode: [60, 120],
    ptx: [90],
  });
  expect(parseBuildInfo('build_info = {"cuda_version": "11.8"}').cudaVersion).toBe('11.8');
  expect(parseBuildInfo("OrderedDict([('is_cuda_build', False)])")).toEqual({
    cudaVersion: null,
    cudnnVersion: null,
    machineCode: [],
    ptx: [],
  });
});

test.each([
  ['3.7', 'too-old'],
  ['5.2', 'too-old'],
  ['6.0', 'native'],
  ['6.1', 'native'],
  ['7.5', 'native'],
  ['8.6', 'native'],
  ['8.9', 'native'],
  ['9.0', 'translated'],
  ['12.0', 'translated'],
])('compute capability %s is %s for the wheel', (capability, fit) => {
  expect(capabilityFit(capability, CUDA_WHEEL)).toBe(fit);
});

test.each([
  ['11.8', 'too-old'],
  ['12.0', 'minor'],
  ['12.4', 'minor'],
  ['12.5', 'full'],
  ['12.10', 'full'],
  ['13.0', 'full'],
])('a driver for CUDA %s runs the wheel: %s', (driver, fit) => {
  expect(driverFit(driver, CUDA_WHEEL)).toBe(fit);
});

test('a driver for an earlier CUDA 12 runs machine code, but translates nothing', () => {
  const card = { name: 'RTX 4070', computeCapability: '8.9', cudaVersion: '12.2', driverVersion: '535.54' };
  expect(cudaObstacle(card, CUDA_WHEEL)).toBeUndefined();
  expect(cudaObstacle({ ...card, name: 'RTX 5090', computeCapability: '12.0' }, CUDA_WHEEL)).toEqual({
    cause: 'driver',
    why: "RTX 5090 (compute capability 12.0) needs a translation of the build's code, which driver 535.54 for CUDA 12.2 cannot do: it needs CUDA 12.5.1",
  });
  expect(cudaObstacle({ ...card, cudaVersion: '11.4', driverVersion: null }, CUDA_WHEEL)).toEqual({
    cause: 'driver',
    why: 'the driver runs CUDA up to 11.4; the TensorFlow build needs 12.5.1 (first driver for it: 525.60.13 on Linux, 527.41 on Windows)',
  });
  expect(cudaObstacle({ ...card, computeCapability: '3.7' }, CUDA_WHEEL)).toEqual({
    cause: 'capability',
    why: 'RTX 4070 has compute capability 3.7; the TensorFlow build starts at 6.0',
  });
});

test("what the driver's library says becomes a reason, and one card that fits is enough", () => {
  const device = {
    index: 0,
    name: 'A',
    computeCapability: [8, 9] as [number, number],
    memoryTotalBytes: null,
  };
  const old = { ...device, name: 'K80', computeCapability: [3, 7] as [number, number] };
  const report = { init: 0, initName: null, initText: null, driverVersion: 12_090, devices: [old, device] };
  expect(cudaReportProblem(report, CUDA_WHEEL)).toBeUndefined();
  expect(cudaReportProblem({ ...report, devices: [old] }, CUDA_WHEEL)).toBe(
    'K80 has compute capability 3.7; the TensorFlow build starts at 6.0',
  );
  expect(cudaReportProblem({ ...report, devices: [] }, CUDA_WHEEL)).toBe('the NVIDIA driver finds no GPU');
  expect(cudaReportProblem({ ...report, init: 100 }, CUDA_WHEEL)).toBe(
    'the NVIDIA driver answers with error 100 (cuInit: no CUDA device)',
  );
});

test('units', () => {
  expect([12_090, 11_040, 12_000].map(formatCudaVersion)).toEqual(['12.9', '11.4', '12.0']);
  expect([0, 1, 1023, 1024, 1536 * 1024, 200 * 1024 ** 3].map(formatBytes)).toEqual([
    '0 bytes',
    '1 byte',
    '1023 bytes',
    '1.00 KiB',
    '1.50 MiB',
    '200 GiB',
  ]);
  expect(formatShare(1024 ** 3, 8 * 1024 ** 3)).toBe('1.00 of 8.00 GiB');
  expect(formatShare(512 * 1024 ** 2, 16 * 1024 ** 3)).toBe('0.5 of 16.0 GiB');
  expect(formatShare(3, 10)).toBe('3 of 10 bytes');
});

test('packages, mounts and CDI descriptions', () => {
  expect(
    parseInstalledPackages(
      'Package: a\nStatus: install ok installed\n\nPackage: b\nStatus: deinstall ok config-files\n\nPackage: c\nVersion: 1\nStatus: hold ok installed\n',
    ),
  ).toEqual(['a', 'c']);
  expect(
    parseMountPoints('1 2 0:5 / / rw - overlay overlay rw\n3 1 8:1 /x /usr/lib/a.so ro - ext4 /dev/sda ro\n'),
  ).toEqual(['/', '/usr/lib/a.so']);
  expect(parseCdiPaths('mounts:\n- hostPath: /a/b.so\n  containerPath: /c\n- hostPath: "/a/b.so"\n')).toEqual(
    ['/a/b.so'],
  );
  expect(parseCdiPaths('{"mounts":[{"hostPath":"/x","containerPath":"/y"}]}')).toEqual(['/x']);
});
