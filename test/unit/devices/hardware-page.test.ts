import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { HARDWARE_CHECKS } from '../../../src/machine/hardware/checks.ts';
import {
  anonymous,
  reportMarkdown,
  testedBuild,
  type HardwareReport,
} from '../../../src/machine/hardware/report.ts';
import { settingVariables } from '../../../src/machine/hardware/settings.ts';
import { HARDWARE_STEPS, stepLimit, TOTAL_SECONDS } from '../../../src/machine/hardware/steps.ts';
import { hardwarePage, readReports, statusOf } from './hardware-page.ts';

const root = join(__dirname, '..', '..', '..');

const report = (changes: Partial<HardwareReport>): HardwareReport => ({
  version: 1,
  tensorcell: '0.1.0',
  date: '2026-11-30',
  mode: 'full',
  seconds: 300,
  system: {
    kind: 'wsl2',
    container: null,
    kernel: '5.15 (WSL)',
    distribution: 'Ubuntu 24.04.1 LTS',
    cpu: 'AMD Ryzen 7 7840HS',
    logicalCpus: 16,
    memoryBytes: 16 * 1024 ** 3,
    node: '22.12.0',
  },
  build: 'cuda 2.21.0',
  devices: [
    {
      id: 'cuda:0',
      name: 'NVIDIA GeForce RTX 4070',
      driver: '576.80',
      cuda: '12.9',
      computeCapability: '8.9',
      memoryBytes: 8 * 1024 ** 3,
    },
  ],
  steps: [
    { name: 'nvml', title: 'NVML and nvidia-smi agree', seconds: 1, status: 'works', found: 'all agree' },
  ],
  ...changes,
});

test('docs/hardware.md is the page of the table and of docs/hardware-reports', () => {
  const file = join(root, 'docs', 'hardware.md');
  const page = hardwarePage(readReports(join(root, 'docs', 'hardware-reports')));
  const formatted = execFileSync(
    join(root, 'node_modules', '.bin', 'oxfmt'),
    ['--stdin-filepath', 'hardware.md'],
    {
      input: page,
      encoding: 'utf8',
      cwd: root,
    },
  );
  if (process.env['TENSORCELL_GOLDENS'] === 'write') writeFileSync(file, formatted);
  expect(readFileSync(file, 'utf8')).toBe(formatted);
});

test('every step that a check names exists, and every step is named by a check', () => {
  const named = HARDWARE_CHECKS.flatMap(({ checks }) => checks.flatMap(({ step }) => step ?? []));
  expect([...new Set(named)].sort()).toEqual(HARDWARE_STEPS.map(({ name }) => name).sort());
});

test('the steps of the quick mode fit into its time, and settings of steps exist', () => {
  const quick = HARDWARE_STEPS.flatMap((step) => stepLimit(step, 'quick') ?? []);
  expect(quick.length).toBeGreaterThan(5);
  expect(TOTAL_SECONDS).toEqual({ full: 480, quick: 120 });
  for (const { settings = {} } of HARDWARE_STEPS) expect(() => settingVariables({}, settings)).not.toThrow();
  expect(settingVariables({ TENSORCELL_XLA: 'auto' }, { compile: false, xla: 'on' })).toEqual({
    TENSORCELL_COMPILE: 'off',
    TENSORCELL_XLA: 'on',
  });
});

test('a status is that of the newest report of each machine with the build of the section', () => {
  const section = HARDWARE_CHECKS.find(({ build }) => build === 'cuda')!;
  const check = section.checks.find(({ step }) => step === 'nvml')!;
  const works = report({});
  const fails = report({
    date: '2026-12-01',
    steps: [{ ...works.steps[0]!, status: 'fails', found: 'GPU 0 is not listed' }],
  });
  const cpu = report({ build: 'cpu 2.21.0', devices: [], date: '2026-12-02' });
  const name = 'NVIDIA GeForce RTX 4070, WSL 2';
  expect(statusOf(check, section, [])).toBe('untested');
  expect(statusOf(check, section, [cpu, works])).toBe(`works: ${name}, 2026-11-30`);
  expect(statusOf(check, section, [cpu, fails, works])).toBe(
    `fails: ${name}, 2026-12-01: GPU 0 is not listed`,
  );
  expect(hardwarePage([works])).not.toContain('No check that needs a card');
});

test('a report on a card that the build does not use counts for the CPU', () => {
  expect(testedBuild(report({}))).toBe('cuda');
  expect(testedBuild(report({ build: 'cpu 2.21.0' }))).toBe('cpu');
  expect(testedBuild(report({ build: null }))).toBe('cpu');
});

test('the Markdown report lists machine, steps, numbers and what is left for a person', () => {
  const text = reportMarkdown(
    report({
      steps: [
        {
          name: 'ops',
          title: 'ops | all',
          seconds: 2,
          status: 'fails',
          found: 'a\nb',
          measured: { matmul_gflops: 28 },
        },
      ],
    }),
  );
  expect(text).toContain('0 work, 1 fails, 0 not applicable, 0 not run');
  expect(text).toContain('cuda:0: NVIDIA GeForce RTX 4070, driver 576.80, CUDA up to 12.9');
  expect(text).toContain(String.raw`| ops \| all | fails | 2.0 | a b |`);
  expect(text).toContain('| matmul_gflops | 28 |');
  expect(text).toContain('## By hand');
});

test('sentences lose folders, names, UUIDs and bus addresses', () => {
  const secrets = { home: '/home/ada', user: 'ada', host: 'lovelace-pc' };
  const cases: [string, string][] = [
    ['no file /home/ada/models/x.h5', 'no file ~/models/x.h5'],
    ['/mnt/c/Users/Ada/tf/lib.so: not found', '(path): not found'],
    ['user ada on lovelace-pc', 'user (name) on (name)'],
    ['adapter of GPU-8f2c1e0a-1111-2222-3333-444455556666', 'adapter of (UUID)'],
    ['at 0000:01:00.0', 'at (PCI address)'],
    ['/usr/lib/wsl/lib/libcuda.so.1 on /device:GPU:0', '/usr/lib/wsl/lib/libcuda.so.1 on /device:GPU:0'],
    ['1.2 GiB/s and 3/4', '1.2 GiB/s and 3/4'],
  ];
  for (const [text, expected] of cases) expect(anonymous(text, secrets)).toBe(expected);
});
