import type { Magic } from '../interfaces.ts';

/** `%device`: what the runtime computes on, asked with a time limit so that it answers while a cell trains. */
export const device: Magic = {
  name: 'device',
  aliases: ['gpu'],
  kinds: ['line'],
  summary: 'the device in use, and why',
  usage: '%device [why]',
  complete: () => ['why'],
  async run({ output, session }) {
    const answer = await session.ask('device', undefined, 500);
    await output.stdout(`${JSON.stringify(answer, null, 2)}\n`);
  },
};
