import { formatBytes } from '../../base/text/bytes.ts';
import type { TestedBuild } from './check.ts';
import { HARDWARE_CHECKS } from './checks.ts';
import type { HardwareMode } from './steps.ts';

/**
 * `works`: as expected. `fails`: something else came out, or the process ended. `not-applicable`: this machine lacks the
 * hardware. `not-run`: the time was over, or something that the step needs is not installed.
 */
export type StepStatus = 'works' | 'fails' | 'not-applicable' | 'not-run';

/** The answer of a step. */
export interface StepOutcome {
  status: StepStatus;
  /** One sentence of what came out. */
  found: string;
  /** Numbers by names that end with their unit. */
  measured?: Record<string, number>;
}

export interface StepResult extends StepOutcome {
  name: string;
  title: string;
  seconds: number;
}

export interface ReportedDevice {
  id: string | null;
  name: string | null;
  driver: string | null;
  cuda: string | null;
  computeCapability: string | null;
  memoryBytes: number | null;
}

/** `hardware-report.json`: nothing in it names a person, a computer, a folder or a serial number. */
export interface HardwareReport {
  /** Of this form. */
  version: 1;
  tensorcell: string;
  /** `2026-11-30`. */
  date: string;
  mode: HardwareMode;
  seconds: number;
  system: {
    kind: 'wsl1' | 'wsl2' | 'linux';
    container: string | null;
    kernel: string;
    distribution: string | null;
    cpu: string | null;
    logicalCpus: number;
    memoryBytes: number | null;
    node: string;
  };
  /** The build that serves: `cuda 2.21.0`; null in plain JavaScript. */
  build: string | null;
  devices: ReportedDevice[];
  steps: StepResult[];
}

/** The build that computes on the machine of a report. */
export function testedBuild({ build, devices }: Pick<HardwareReport, 'build' | 'devices'>): TestedBuild {
  const name = build?.split(' ')[0];
  const gpu = devices.some(({ id }) => id !== null && id !== 'cpu');
  return gpu && (name === 'cuda' || name === 'directml') ? name : 'cpu';
}

const MARKS: Record<StepStatus, string> = {
  works: '✔',
  fails: '✘',
  'not-applicable': '·',
  'not-run': '·',
};

const WORDS: Record<StepStatus, string> = {
  works: 'works',
  fails: 'fails',
  'not-applicable': 'not applicable',
  'not-run': 'not run',
};

/** A line for a terminal. */
export function stepLine({ title, status, found, seconds }: StepResult): string {
  const mark = MARKS[status];
  const time = status === 'works' || status === 'fails' ? ` (${seconds.toFixed(1)} s)` : '';
  return `${mark} ${title}${time}: ${found}`;
}

/** `12 work, 1 fails, 3 not applicable, 0 not run`. */
export function reportSummary({ steps }: HardwareReport): string {
  const count = (status: StepStatus): number => steps.filter((step) => step.status === status).length;
  const works = count('works');
  const fails = count('fails');
  return `${works} ${works === 1 ? 'works' : 'work'}, ${fails} ${fails === 1 ? 'fails' : 'fail'}, ${count('not-applicable')} not applicable, ${count('not-run')} not run`;
}

const cell = (text: string): string => text.replaceAll('|', String.raw`\|`).replaceAll(/\s*\n\s*/g, ' ');

const or = (value: string | null, other: string): string => value ?? other;

/** `hardware-report.md`. */
export function reportMarkdown(report: HardwareReport): string {
  const { system, devices, steps } = report;
  const where = { wsl1: 'WSL 1', wsl2: 'WSL 2', linux: 'Linux' }[system.kind];
  const memory = system.memoryBytes === null ? 'unknown' : formatBytes(system.memoryBytes);
  const container = system.container === null ? '' : `, in a container (${system.container})`;
  const facts = [
    `- Tensorcell ${report.tensorcell}, Node ${system.node}, TensorFlow build ${or(report.build, 'none: plain JavaScript')}`,
    `- ${where}${container}: ${or(system.distribution, 'unknown distribution')}, kernel ${system.kernel}`,
    `- CPU: ${or(system.cpu, 'unknown')}, ${system.logicalCpus} logical CPUs, memory ${memory}`,
    ...devices.map(
      ({ id, name, driver, cuda, computeCapability, memoryBytes }) =>
        `- ${or(id, 'hidden GPU')}: ${or(name, 'unknown')}, driver ${or(driver, 'unknown')}, CUDA up to ${or(cuda, 'unknown')}, compute capability ${or(computeCapability, 'unknown')}, memory ${memoryBytes === null ? 'unknown' : formatBytes(memoryBytes)}`,
    ),
  ];
  const rows = steps.map(
    ({ title, status, found, seconds }) =>
      `| ${cell(title)} | ${WORDS[status]} | ${seconds.toFixed(1)} | ${cell(found)} |`,
  );
  const measured = steps.flatMap(({ title, measured = {} }) =>
    Object.entries(measured).map(([name, value]) => `| ${cell(title)} | ${cell(name)} | ${value} |`),
  );
  return [
    '# Hardware report',
    '',
    `${report.date}, ${report.mode}, ${Math.round(report.seconds)} s: ${reportSummary(report)}.`,
    '',
    ...facts,
    '',
    '| step | result | seconds | found |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    ...(measured.length === 0
      ? []
      : ['## Measured', '', '| step | quantity | value |', '| --- | --- | --- |', ...measured, '']),
    ...checksByHand(testedBuild(report)),
  ].join('\n');
}

/** The checks of docs/hardware.md that no step answers. */
function checksByHand(build: TestedBuild): string[] {
  const checks = HARDWARE_CHECKS.filter((section) => section.build === build).flatMap((section) =>
    section.checks.filter(({ step }) => step === undefined),
  );
  if (checks.length === 0) return [];
  const lines = checks.map(
    ({ title, command, expected }) => `- ${title}: ${command}. Expected: ${expected}.`,
  );
  return ['## By hand', '', 'No step answers these checks of docs/hardware.md:', '', ...lines, ''];
}

/** Texts that identify a person or a computer, and what stands in their place. */
export interface Private {
  home: string;
  user: string | undefined;
  host: string;
}

/**
 * A sentence without folders, names and serial numbers. Drivers and TensorFlow put such things into their messages.
 * The UUID of a GPU and the address on the PCI bus identify a card, so they go too.
 */
export function anonymous(text: string, { home, user, host }: Private): string {
  let result = text
    .replaceAll(/\b(?:GPU-)?[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/gi, '(UUID)')
    .replaceAll(/\b[\da-f]{4,8}:[\da-f]{2}:[\da-f]{2}\.\d\b/gi, '(PCI address)');
  if (home.length > 1) result = result.replaceAll(home, '~');
  // Any other folder but those that every system has.
  result = result.replaceAll(
    /(?<![\w~./])\/(?!(?:usr|lib|lib64|opt|dev|proc|sys|etc|device|job)\b)[\w.-]+(?:\/[\w.@+-]+)+/g,
    '(path)',
  );
  for (const name of [user, host]) {
    if (name === undefined || name.length < 3) continue;
    const quoted = name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    result = result.replaceAll(new RegExp(String.raw`(?<![\w-])${quoted}(?![\w-])`, 'g'), '(name)');
  }
  return result;
}
