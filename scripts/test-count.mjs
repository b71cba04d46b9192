// A reporter for node --test that writes one JSON object for the program that started the run: the counts, and the
// milliseconds that each file's tests took.
import { basename } from 'node:path';

/** @param {AsyncIterable<import('node:test/reporters').TestEvent>} source */
export default async function* count(source) {
  /** @type {Record<string, number> & { fail: number }} */
  const counts = { pass: 0, fail: 0, skipped: 0, todo: 0 };
  /** @type {Record<string, number>} */
  const milliseconds = {};
  for await (const event of source) {
    if ((event.type === 'test:pass' || event.type === 'test:fail') && event.data.nesting === 0) {
      const file = basename(event.data.file ?? 'unknown', '.mjs');
      milliseconds[file] = (milliseconds[file] ?? 0) + Math.round(event.data.details.duration_ms);
    }
    if (event.type !== 'test:diagnostic') continue;
    const [, name, value] = /^(pass|fail|cancelled|skipped|todo) (\d+)$/.exec(event.data.message) ?? [];
    if (name === 'cancelled') counts.fail += Number(value);
    else if (name) counts[name] = (counts[name] ?? 0) + Number(value);
  }
  yield JSON.stringify({ ...counts, milliseconds });
}
