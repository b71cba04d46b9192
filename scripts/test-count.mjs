// A reporter for node --test that writes one JSON object for the program that started the run: the counts, and the
// milliseconds that each file's tests took.
import { basename } from 'node:path';

export default async function* count(source) {
  const counts = { pass: 0, fail: 0, skipped: 0, todo: 0 };
  const milliseconds = {};
  for await (const event of source) {
    if ((event.type === 'test:pass' || event.type === 'test:fail') && event.data.nesting === 0) {
      const file = basename(event.data.file ?? 'unknown', '.mjs');
      milliseconds[file] = (milliseconds[file] ?? 0) + Math.round(event.data.details.duration_ms);
    }
    if (event.type !== 'test:diagnostic') continue;
    const [, name, value] = /^(pass|fail|cancelled|skipped|todo) (\d+)$/.exec(event.data.message) ?? [];
    if (name === 'cancelled') counts.fail += Number(value);
    else if (name) counts[name] += Number(value);
  }
  yield JSON.stringify({ ...counts, milliseconds });
}
