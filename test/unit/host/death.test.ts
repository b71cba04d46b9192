import { describeDeath, startOfReport } from '../../../kernel/processes/death.ts';

test.each([
  ['process.exit', { code: 3, signal: null, exiting: 3, stderr: '' }, 'process.exit(3) was called'],
  [
    'abort',
    { code: null, signal: 'SIGABRT', stderr: 'terminate called after throwing an instance of int\n' },
    'it aborted (SIGABRT): terminate called after throwing an instance of int',
  ],
  [
    'heap',
    {
      code: null,
      signal: 'SIGABRT',
      stderr: 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n',
    },
    'its JavaScript heap is exhausted (out of memory)',
  ],
  ["a shell's code for a signal", { code: 134, signal: null, stderr: '' }, 'it aborted (SIGABRT)'],
  ['a code', { code: 9, signal: null, stderr: '' }, 'it ended with exit code 9'],
  [
    'kill',
    { code: null, signal: 'SIGKILL', stderr: '' },
    'it was killed (SIGKILL), perhaps by the system because memory ran out',
  ],
] as const)('names the reason: %s', (_name, death, words) => {
  expect(describeDeath(death)).toBe(words);
});

test.each([
  ['my line\n\n<--- Last few GCs --->\n\n[12:0x5581]  1234 ms: Mark-Compact', 'my line'],
  ['FATAL ERROR: Reached heap limit\n', ''],
  ['a\n----- Native stack trace -----\n\n 1: 0xca1234 node::Abort()', 'a'],
  ['\n\n#\n# Fatal error in , line 0\n# unreachable code\n', ''],
])("Node's report of its death is not shown: %j", (text, kept) => {
  expect(text.slice(0, startOfReport(text))).toBe(kept);
});

test.each(['a FATAL ERROR: of mine\n', '1: first\n', '\n\n', '# Fatal error in my own heading\n'])(
  'output of a program is no such report: %j',
  (text) => {
    expect(startOfReport(text)).toBe(-1);
  },
);
