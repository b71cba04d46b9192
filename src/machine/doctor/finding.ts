import { escapeHtml } from '../../base/text/html.ts';

/**
 * `ok`: as it should be. `note`: worth knowing, costs nothing. `slow`: works, but slower than this machine could.
 * `broken`: something has to be repaired.
 */
export type Severity = 'ok' | 'note' | 'slow' | 'broken';

export interface Finding {
  /** Stable: scripts and pages refer to it. `docs/doctor/<code>.md` explains it. */
  code: string;
  severity: Severity;
  /** One sentence of what was found. */
  found: string;
  /** Commands or steps that repair it. */
  fix: string[];
}

export interface Report {
  findings: Finding[];
  /** 0: works; 1: works, slower than it could; 2: broken. */
  exitCode: 0 | 1 | 2;
  tookMilliseconds: number;
}

/** Found by a check; undefined when the check does not concern this machine. */
export type Outcome = Omit<Finding, 'code' | 'fix'> & { fix?: string[] };

export const ok = (found: string): Outcome => ({ severity: 'ok', found });
export const note = (found: string, ...fix: string[]): Outcome => ({ severity: 'note', found, fix });
export const slow = (found: string, ...fix: string[]): Outcome => ({ severity: 'slow', found, fix });
export const broken = (found: string, ...fix: string[]): Outcome => ({ severity: 'broken', found, fix });

const MARKS: Record<Severity, string> = { ok: '✔', note: '·', slow: '!', broken: '✘' };

export function exitCodeOf(findings: readonly Finding[]): Report['exitCode'] {
  if (findings.some(({ severity }) => severity === 'broken')) return 2;
  return findings.some(({ severity }) => severity === 'slow') ? 1 : 0;
}

function summary({ findings, exitCode }: Report): string {
  const count = (severity: Severity): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const things = (n: number): string => (n === 1 ? '1 finding' : `${n} findings`);
  if (exitCode === 0) return 'All is well.';
  if (exitCode === 1) return `Works, slower than it could: ${things(count('slow'))} marked !.`;
  return `Something is broken: ${things(count('broken'))} marked ✘.`;
}

/** For notebooks: a table, which also shows in notebooks that are not trusted. */
export function reportHtml(report: Report): string {
  const left = 'style="text-align:left"';
  const rows = report.findings.map(({ code, severity, found, fix }) => {
    const steps = fix.map((step) => `<br>→ <code>${escapeHtml(step)}</code>`).join('');
    return `<tr><td>${MARKS[severity]}</td><td ${left}>${escapeHtml(code)}</td><td ${left}>${escapeHtml(found)}${steps}</td></tr>`;
  });
  return `<table>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>\n<p><b>${escapeHtml(summary(report))}</b></p>`;
}

/** For terminals and `text/plain`. */
export function formatReport(report: Report): string {
  const width = Math.max(0, ...report.findings.map(({ code }) => code.length));
  const lines: string[] = [];
  for (const { code, severity, found, fix } of report.findings) {
    lines.push(`${MARKS[severity]} ${code.padEnd(width)}  ${found}`);
    for (const step of fix) lines.push(`    → ${step}`);
    if (severity === 'slow' || severity === 'broken') lines.push(`    more: docs/doctor/${code}.md`);
  }
  lines.push('', summary(report));
  return `${lines.join('\n')}\n`;
}
