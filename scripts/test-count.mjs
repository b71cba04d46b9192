// A reporter for node --test that writes one JSON object with the counts, for whoever started the run.
export default async function* count(source) {
  const counts = { pass: 0, fail: 0, skipped: 0, todo: 0 };
  for await (const event of source) {
    if (event.type !== 'test:diagnostic') continue;
    const [, name, value] = /^(pass|fail|cancelled|skipped|todo) (\d+)$/.exec(event.data.message) ?? [];
    if (name === 'cancelled') counts.fail += Number(value);
    else if (name) counts[name] += Number(value);
  }
  yield JSON.stringify(counts);
}
