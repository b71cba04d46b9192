// Known weaknesses of the packages, as npm knows them. What is known and bearable is explained in audit-explained.json:
// { "<advisory's address or number>": "why it cannot hurt here" }.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {object} Advisory
 * @property {string} [url]
 * @property {number | string} source
 * @property {string} severity
 * @property {string} title
 */

/**
 * @typedef {object} AuditReport the output of `npm audit --json`
 * @property {number} [auditReportVersion]
 * @property {string} [message]
 * @property {Record<string, { via?: (Advisory | string)[], isDirect: boolean }>} [vulnerabilities]
 */

/** @typedef {{ id: string, name: string, severity: string, title: string, isDirect: boolean }} Finding */

/** @typedef {{ asked: true, findings: Finding[], unexplained: Finding[], stale: string[] }} Answered */

/**
 * The findings in `npm audit --json`, one per advisory and package.
 *
 * @param {AuditReport} report
 * @returns {Finding[]}
 */
export function findingsOf(report) {
  /** @type {Map<string, Finding>} */
  const found = new Map();
  for (const [name, { via = [], isDirect }] of Object.entries(report.vulnerabilities ?? {})) {
    for (const each of via) {
      // A text names another package of the list, which has the advisory itself.
      if (typeof each === 'string') continue;
      const id = /GHSA-[\w-]+$/.exec(each.url ?? '')?.[0] ?? String(each.source);
      found.set(`${id} ${name}`, { id, name, severity: each.severity, title: each.title, isDirect });
    }
  }
  return [...found.values()];
}

/**
 * Asks the registry. Returns `{ asked: false, why }` when it does not answer such questions, else
 * `{ asked: true, findings, unexplained, stale }`; `stale` are explanations that nothing needs any more.
 *
 * @param {string} root
 * @returns {Answered | { asked: false, why: string | undefined }}
 */
export function audit(root) {
  const done = spawnSync('npm', ['audit', '--json', '--audit=true'], { cwd: root, encoding: 'utf8' });
  /** @type {AuditReport} */
  let report;
  try {
    report = JSON.parse(done.stdout);
  } catch {
    return { asked: false, why: (done.stderr || String(done.error)).trim().split('\n')[0] };
  }
  if (!report.auditReportVersion) return { asked: false, why: report.message ?? 'it gave no report' };
  const explained = JSON.parse(readFileSync(join(root, 'scripts/release/audit-explained.json'), 'utf8'));
  const findings = findingsOf(report);
  return {
    asked: true,
    findings,
    unexplained: findings.filter(({ id }) => !explained[id]),
    stale: Object.keys(explained).filter((id) => !findings.some((finding) => finding.id === id)),
  };
}
