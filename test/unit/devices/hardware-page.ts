import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckSection, HardwareCheck } from '../../../src/machine/hardware/check.ts';
import { HARDWARE_CHECKS } from '../../../src/machine/hardware/checks.ts';
import { testedBuild, type HardwareReport } from '../../../src/machine/hardware/report.ts';

/** All reports of a folder, the newest first. */
export function readReports(folder: string): HardwareReport[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as HardwareReport)
    .sort((a, b) => b.date.localeCompare(a.date));
}

function machineName(report: HardwareReport): string {
  const card = report.devices.find(({ id }) => id !== null && id !== 'cpu')?.name;
  const name = testedBuild(report) === 'cpu' ? report.system.cpu : card;
  const where = { wsl1: 'WSL 1', wsl2: 'WSL 2', linux: 'Linux' }[report.system.kind];
  return `${name ?? 'unknown'}, ${where}`;
}

/** `works: NVIDIA H200, Linux, 2026-12-01`, one for each machine, from its newest report that ran the step. */
export function statusOf(
  { step }: HardwareCheck,
  { build }: CheckSection,
  reports: readonly HardwareReport[],
): string {
  const lines = new Map<string, string>();
  for (const report of reports) {
    if (step === undefined || testedBuild(report) !== build) continue;
    const result = report.steps.find(({ name }) => name === step);
    const machine = machineName(report);
    if (result === undefined || lines.has(machine)) continue;
    if (result.status === 'works') lines.set(machine, `works: ${machine}, ${report.date}`);
    if (result.status === 'fails') lines.set(machine, `fails: ${machine}, ${report.date}: ${result.found}`);
  }
  return lines.size === 0 ? 'untested' : [...lines.values()].join('; ');
}

/** docs/hardware.md, before formatting. */
export function hardwarePage(reports: readonly HardwareReport[]): string {
  const cards = reports.some((report) => testedBuild(report) !== 'cpu');
  const cell = (text: string): string => text.replaceAll('|', String.raw`\|`);
  const sections = HARDWARE_CHECKS.flatMap((section) => [
    `## ${section.title}`,
    '',
    ...(section.text === undefined ? [] : [section.text, '']),
    '| check | command | expected | step | last seen |',
    '| --- | --- | --- | --- | --- |',
    ...section.checks.map(
      (check) =>
        `| ${check.title} | ${cell(check.command)} | ${cell(check.expected)} | ${check.step === undefined ? 'by hand' : `\`${check.step}\``} | ${cell(statusOf(check, section, reports))} |`,
    ),
    '',
  ]);
  return [
    '# What only hardware can show',
    '',
    'Tensorcell is tested without a GPU: on simulated machines with stand-ins for the driver libraries (`test/machines`), and with the real CUDA and DirectML builds on a machine without a driver, where they load, find no GPU, report the reason, and train on the CPU (`test/machines/cuda-wheel.long.test.ts`, `directml.long.test.ts`). This page lists the checks that need the hardware.',
    '',
    ...(cards ? [] : ['**No check that needs a card has been run on one yet.**']),
    '',
    '```sh',
    'tensorcell hardware-test          # 8 minutes at most; --quick takes 2',
    '```',
    '',
    'runs what this page lists and the machine can answer, each step in a separate process with a time limit, and writes `hardware-report.md` and `hardware-report.json`. The reports hold no name, folder or serial number. To contribute one, copy the JSON file to `docs/hardware-reports/`, named by date and card, and write this page anew with `TENSORCELL_GOLDENS=write npx jest test/unit/devices/hardware-page.test.ts`. Rows with "by hand" need a person: `%` lines are cells, and all commands run in a checkout after `npm run setup`.',
    '',
    ...sections,
  ].join('\n');
}
