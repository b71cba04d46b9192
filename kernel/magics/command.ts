import { splitWords } from './words.ts';
import type { Magic, MagicContext } from '../contracts/magics.ts';
import { runProcess } from './child-process.ts';
import type { ChildEnd } from './child-process.ts';
import { MagicError } from './magic-error.ts';

function howItEnded({ code, signal }: ChildEnd): string {
  return signal === null ? `exit code ${code}` : `ended by ${signal}`;
}

/** `!ls -l`: a line for the shell. A failing command does not fail the cell, as in IPython, but is never silent. */
export const command: Magic = {
  name: '!',
  kinds: ['line'],
  summary: 'run a line in the shell (bash if present, otherwise sh)',
  usage: '!command arguments…',
  async run(context) {
    if (context.line.trim() === '') throw new MagicError('usage', '! needs a command: !ls');
    const end = await shell(context, context.line);
    if (end.code !== 0) await context.output.stderr(`!${context.line.trim()}: ${howItEnded(end)}\n`);
  },
};

async function shell(context: MagicContext, line: string): Promise<ChildEnd> {
  try {
    return await runProcess('bash', ['-c', line], context);
  } catch (error) {
    if (!(error instanceof MagicError) || error.code !== 'not-found') throw error;
    return await runProcess('sh', ['-c', line], context);
  }
}

/** Arguments of one program may not exceed 128 KiB on Linux (MAX_ARG_STRLEN); longer scripts go in by stdin. */
const LONGEST_ARGUMENT = 100_000;

function scriptMagic(program: 'bash' | 'sh'): Magic {
  return {
    name: program,
    kinds: ['cell'],
    summary: `run the cell as a ${program} script`,
    usage: `%%${program} [arguments…]`,
    async run(context) {
      const body = context.body ?? '';
      const scriptArguments = splitWords(context.line);
      const end =
        Buffer.byteLength(body) > LONGEST_ARGUMENT
          ? await runProcess(program, ['-s', '--', ...scriptArguments], context, { input: body })
          : await runProcess(program, ['-c', body, program, ...scriptArguments], context);
      if (end.code !== 0) {
        throw new MagicError('command-failed', `the ${program} script failed: ${howItEnded(end)}`);
      }
    },
  };
}

export const bash = scriptMagic('bash');
export const sh = scriptMagic('sh');
