import { canShare, describePython, sectionHtml, sectionText } from '../../../src/interop/python/devices.ts';
import type { OurSide, PythonDevices } from '../../../src/interop/python/devices.ts';

const GB = 1024 ** 3;
const python: PythonDevices = { pid: 7, version: '3.11.2', executable: '/env/bin/python' };
const nothing: OurSide = { driverCuda: null, ownCuda: null, gpus: [] };
const card: OurSide = {
  driverCuda: '12.4',
  ownCuda: '12.9',
  gpus: [{ id: 'cuda:0', name: 'RTX', totalBytes: 8 * GB, processes: null }],
};
const device = {
  name: 'RTX',
  freeBytes: GB,
  totalBytes: 8 * GB,
  tensorBytes: GB,
  reservedBytes: 2 * GB,
};

test('nothing loaded, no GPU', () => {
  expect(describePython(python, nothing)).toEqual({
    lines: ['Python 3.11.2 (/env/bin/python), process 7', 'neither torch nor tensorflow is loaded'],
    warnings: [],
  });
});

test('a build without CUDA is reported where there is an NVIDIA card, and not without one', () => {
  const cpu = { ...python, torch: { version: '2.5', cuda: null, available: false, devices: [] } };
  expect(describePython(cpu, nothing)).toEqual({
    lines: ['Python 3.11.2 (/env/bin/python), process 7', 'torch 2.5, built without CUDA: the CPU'],
    warnings: [],
  });
  expect(describePython(cpu, card).warnings).toEqual([
    {
      text: 'torch 2.5 was built without CUDA, so it computes on the CPU although there is an NVIDIA GPU',
      fix: ['/env/bin/python -m pip install --upgrade --force-reinstall torch'],
    },
  ]);
});

test('both on one card: who holds how much', () => {
  const both = { ...python, torch: { version: '2.5', cuda: '12.1', available: true, devices: [device] } };
  expect(describePython(both, card)).toEqual({
    lines: [
      'Python 3.11.2 (/env/bin/python), process 7',
      'torch 2.5, with CUDA 12.1: cuda:0 RTX',
      '  cuda:0: tensors 1.00 GiB, held 2.00 GiB',
      '  cuda:0: Python holds 2.00 GiB (as reported by torch)',
    ],
    warnings: [],
  });
  const told = {
    ...card,
    gpus: [{ ...card.gpus[0]!, processes: [{ processId: 7, memoryBytes: 7.5 * GB }] }],
  };
  expect(describePython(both, told).warnings).toEqual([
    {
      text: "Python holds 7.50 GiB of cuda:0's 8.00 GiB: TypeScript will run out of memory",
      fix: ['in Python: del what is not needed, then torch.cuda.empty_cache()', '%python restart'],
    },
  ]);
});

test('a CUDA newer than the driver runs, TensorFlow that takes all memory, a package that does not load', () => {
  const { warnings } = describePython(
    {
      ...python,
      torch: { version: '2.9', cuda: '13.0', available: false, devices: [] },
      tensorflow: {
        version: '2.21',
        cuda: '12.5',
        devices: ['/physical_device:GPU:0'],
        growth: false,
        tensorBytes: 5,
      },
      failed: { torch_directml: 'libd3d12.so: cannot open' },
    },
    card,
  );
  expect(warnings.map(({ text }) => text)).toEqual([
    'TensorFlow in Python takes all memory of the GPU at once, so that TypeScript gets none',
    'torch_directml is installed in /env/bin/python and does not load: libd3d12.so: cannot open',
    "torch in Python needs CUDA 13.0, and the driver runs up to 12.4: it will not work with this driver; TypeScript's side, with CUDA 12.9, does",
  ]);
});

test('CUDA versions that share a driver', () => {
  expect(canShare('11.8', '12.4')).toBe(true);
  expect(canShare('12.9', '12.4')).toBe(true);
  expect(canShare('13.0', '12.4')).toBe(false);
  expect(canShare('12.1', null)).toBeUndefined();
});

test('as text and as HTML, escaped', () => {
  const section = { lines: ['Python <3>', 'torch'], warnings: [{ text: 'a & b', fix: ['do'] }] };
  expect(sectionText(section)).toBe('Python <3>\n  torch\n\n! a & b\n    do\n');
  expect(sectionHtml(section)).toBe(
    '<p><b>Python &lt;3&gt;</b></p><ul><li>torch</li></ul><p>⚠ a &amp; b<br>→ <code>do</code></p>',
  );
});
