import { describeDeath, isDeathNoise } from '../../../kernel/host/death.ts';

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

test('lines that Node prints while it dies are noise; what a program prints is not', () => {
  const lines = [
    '<--- Last few GCs --->',
    '[12:0x5581]     1234 ms: Mark-Compact 4000 (4100) -> 3990 (4100) MB, 10 / 0 ms',
    '----- Native stack trace -----',
    ' 1: 0xca1234 node::Abort() [node]',
    'Waiting for the debugger to disconnect...',
    'my own line: 0x12',
    '1: first',
  ];
  expect(lines.filter((line) => !isDeathNoise(line))).toEqual(['my own line: 0x12', '1: first']);
});
