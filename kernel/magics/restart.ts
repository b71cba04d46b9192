import type { Magic } from '../contracts/magics.ts';

export const restart: Magic = {
  name: 'restart',
  kinds: ['line'],
  summary: 'start a new runtime process: variables are lost, settings and folder are kept',
  usage: '%restart',
  async run({ session }) {
    await session.restartRuntime('restarted by %restart');
  },
};
