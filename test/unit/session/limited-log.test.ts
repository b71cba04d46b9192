import { LimitedLog } from '../../../kernel/session/limited-log.ts';

test('ten lines a second, then how many more', () => {
  jest.useFakeTimers();
  try {
    const lines: string[] = [];
    const log = new LimitedLog((line) => lines.push(line), 3);
    for (let i = 0; i < 8; i++) log.log(`line ${i}`);
    expect(lines).toEqual(['line 0', 'line 1', 'line 2']);
    jest.advanceTimersByTime(1000);
    expect(lines).toEqual(['line 0', 'line 1', 'line 2', '5 more messages dropped']);
    log.log('next second');
    expect(lines.at(-1)).toBe('next second');
    jest.advanceTimersByTime(5000);
    expect(lines).toHaveLength(5);
  } finally {
    jest.useRealTimers();
  }
});
