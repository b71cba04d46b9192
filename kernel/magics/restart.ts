import type { Magic } from '../interfaces.ts';

export const restart: Magic = {
  name: 'restart',
  kinds: ['line'],
  summary: 'start a fresh runtime: variables are gone, settings and folder stay',
  usage: '%restart',
  async run({ session }) {
    await session.restartRuntime('restarted by %restart');
  },
};
