import type { SurroundingsChange } from '../../../kernel/contracts/messages.ts';
import { SurroundingsReport } from '../../../runtime/surroundings-report.ts';

const A = 'TENSORCELL_TEST_A';
const B = 'TENSORCELL_TEST_B';
const original = process.env;

afterEach(() => {
  process.env = original;
  delete process.env[A];
  delete process.env[B];
});

test.each<[string, () => void, Record<string, string | null> | undefined]>([
  ['nothing', () => undefined, undefined],
  ['the same value again', () => (process.env[A] = 'first'), undefined],
  ['another value', () => (process.env[A] = 'second'), { [A]: 'second' }],
  ['an empty value', () => (process.env[A] = ''), { [A]: '' }],
  ['a new variable', () => (process.env[B] = 'new'), { [B]: 'new' }],
  ['a removed variable', () => delete process.env[A], { [A]: null }],
  [
    'one variable in place of another',
    () => void (delete process.env[A], (process.env[B] = 'first')),
    { [A]: null, [B]: 'first' },
  ],
  ['a copy of the environment', () => (process.env = { ...process.env, [B]: 'copied' }), { [B]: 'copied' }],
])('%s is reported, once', (_, change, expected) => {
  process.env[A] = 'first';
  const report = new SurroundingsReport();
  const sent: SurroundingsChange[] = [];
  change();
  for (let i = 0; i < 2; i++) report.send((each) => sent.push(each));
  expect(sent).toEqual(expected ? [{ environment: expected }] : []);
});
