import { explainPipFailure } from '../../../src/machine/runtimes/python.ts';
import { cudaOfRelease, runtimeRelease } from '../../../src/machine/runtimes/catalogue.ts';
import { pipTags } from '../../../src/machine/runtimes/wheels.ts';
import { formatFileSize } from '../../../src/base/text/bytes.ts';
import { compareVersions } from '../../../src/machine/runtimes/store.ts';

test.each([
  ["OSError: [Errno 28] No space left on device: '/x'", 'disk-full'],
  [
    'WARNING: Retrying after connection broken by NewConnectionError: [Errno -3] Temporary failure in name resolution',
    'no-network',
  ],
  ['ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.', 'damaged'],
  ['ERROR: Could not find a version that satisfies the requirement a==1 (from versions: none)', 'no-network'],
  ['ERROR: Could not find a version that satisfies the requirement a==1 (from versions: 2)', 'pip-failed'],
])('%s', (output, code) => {
  expect(explainPipFailure(output, 'JupyterLab').code).toBe(code);
});

test('pip is asked for the very file that is locked, whatever Python runs it', () => {
  const wheel = runtimeRelease('cpu')!.wheels[0]!;
  expect(pipTags(wheel)).toEqual([
    '--platform',
    'manylinux_2_27_x86_64',
    '--python-version',
    '3.12',
    '--implementation',
    'cp',
    '--abi',
    'cp312',
  ]);
  const cublas = runtimeRelease('cuda')!.wheels.find(({ project }) => project === 'nvidia-cuda-nvcc-cu12')!;
  expect(pipTags(cublas)).toEqual([
    '--platform',
    'manylinux2010_x86_64',
    '--platform',
    'manylinux_2_12_x86_64',
  ]);
});

test("a release's CUDA is that of its wheels", () => {
  expect(['cuda', 'cpu', 'directml', 'python', ''].map(cudaOfRelease)).toEqual([
    '12.9',
    null,
    null,
    null,
    null,
  ]);
  expect(runtimeRelease('cuda')!.summary).toContain(`CUDA ${cudaOfRelease('cuda')} `);
});

test('sizes in powers of ten', () => {
  expect([900, 274_000_871, 3_330_000_000].map(formatFileSize)).toEqual(['1 kB', '274 MB', '3.3 GB']);
});

test('versions count up, not by letters', () => {
  expect(['2.9.1', '2.21.0', '2.10.1'].sort(compareVersions)).toEqual(['2.9.1', '2.10.1', '2.21.0']);
});
