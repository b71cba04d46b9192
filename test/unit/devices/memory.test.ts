import { memoryGrowth, memoryHtml, memoryText } from '../../../src/machine/devices/memory-report.ts';
import { panelHtml, panelText, sparkline } from '../../../src/machine/devices/watch/panel.ts';
import { parseCpuTicks } from '../../../src/machine/devices/watch/sampler.ts';

test('growth is told by the cell that caused it, largest first', () => {
  const before = {
    byExecution: { 1: { count: 2, bytes: 100 }, 2: { count: 1, bytes: 50 }, 3: { count: 1, bytes: 8 } },
  };
  const now = {
    byExecution: { 1: { count: 2, bytes: 100 }, 2: { count: 4, bytes: 200 }, 7: { count: 1, bytes: 900 } },
  };
  expect(memoryGrowth(before, now)).toEqual([
    { execution: 7, count: 1, bytes: 900 },
    { execution: 2, count: 3, bytes: 150 },
    { execution: 3, count: -1, bytes: -8 },
  ]);
  expect(memoryGrowth(now, now)).toEqual([]);
});

const memory = {
  tensors: [
    {
      id: 5,
      shape: [1000, 128],
      dtype: 'float32',
      bytes: 512_000,
      execution: 3,
      ageMs: 65_000,
      variable: 'dense/<kernel>',
    },
    { id: 9, shape: [], dtype: 'int32', bytes: 4, execution: 0, ageMs: 10 },
  ],
  count: 22,
  bytes: 512_084,
  byExecution: { 3: { count: 21, bytes: 512_080 }, 0: { count: 1, bytes: 4 } },
};

test('%memory in text and HTML', () => {
  const status = {
    memory,
    device: undefined,
    growth: memoryGrowth({ byExecution: {} }, memory),
    since: 'the mark in cell 2',
  };
  expect(memoryText(status)).toBe(
    [
      'our tensors             22, 500 KiB (sum of our handles and variables)',
      'since the mark in cell 2  cell 3: +21 tensors, +500 KiB; cell unknown: +1 tensors, +4 bytes',
      '',
      'size     shape        dtype    cell     age    variable',
      '500 KiB  [1000, 128]  float32  3        1 min  dense/<kernel>',
      '4 bytes  scalar       int32    unknown  0 s',
      'and 20 more',
      '',
    ]
      .join('\n')
      .replace('our tensors             ', 'our tensors               '),
  );
  const html = memoryHtml(status);
  expect(html).toContain('dense/&lt;kernel&gt;');
  expect(html).not.toContain('<kernel>');
});

test('ticks of /proc/stat', () => {
  expect(parseCpuTicks('cpu  10 1 5 80 4 0 0 0 0 0\ncpu0 1 1 1 1\n')).toEqual({ busy: 16, all: 100 });
  expect(parseCpuTicks('')).toBeUndefined();
});

test('a sparkline ends at the right edge and breaks where nothing was told', () => {
  expect(sparkline([0, 50, null, 100], 100, 4)).toBe(
    '<svg width="150" height="32" viewBox="0 0 150 32" role="img"><rect width="150" height="32" fill="none" stroke="#d0d7de"/>' +
      '<polyline points="0,31 50,16" fill="none" stroke="#0969da" stroke-width="1.5"/><circle cx="150" cy="1" r="1" fill="#0969da"/></svg>',
  );
  expect(sparkline([null, null], 100, 4)).toBe('');
});

const device = {
  id: 'cuda:0',
  name: '<b>GPU</b>',
  utilizationPercent: 37,
  memoryUsedBytes: 1024 ** 3,
  memoryTotalBytes: 8 * 1024 ** 3,
  temperatureCelsius: null,
};

test('the panel says unavailable, never 0, and escapes names', () => {
  const samples = [{ at: 0, devices: [device], problem: null }];
  expect(panelText(samples, 'running')).toBe(
    'cuda:0  utilization 37 %, memory 1.00 of 8.00 GiB, temperature unavailable  ▃\nrunning',
  );
  const html = panelHtml(samples, 'running', 1000);
  expect(html).toContain('&lt;b&gt;GPU&lt;/b&gt;');
  expect(html).toContain('temperature unavailable<br></td>');
  expect(panelText([{ at: 0, devices: [], problem: 'the driver hangs' }], 'stopped')).toBe(
    '! the driver hangs\nstopped',
  );
});
