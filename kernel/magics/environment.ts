import { MagicError } from './magic-error.ts';
import type { SessionMagic } from './registry.ts';
import { expandVariables } from './words.ts';

/** Values of such names are not shown in lists: notebooks are saved and shared. */
const SECRET = /key|token|secret|password|passwd|credential/i;

const names = (environment: Readonly<Record<string, string | undefined>>): string[] =>
  Object.keys(environment)
    .filter((name) => environment[name] !== undefined)
    .toSorted();

/** `%env`, `%env NAME`, `%env NAME=value`: of this process, of the cells' `process.env` and of commands. */
export const env: SessionMagic = {
  name: 'env',
  aliases: ['set_env'],
  kinds: ['line'],
  summary: 'list, show or set environment variables',
  usage: '%env [NAME[=value]]',
  completeIn: (_line, surroundings) => names(surroundings.environment()),
  async run({ line, output, session }) {
    const text = line.trim();
    if (text === '') {
      const lines = names(session.environment).map(
        (name) => `${name}=${SECRET.test(name) ? '<hidden>' : session.environment[name]}\n`,
      );
      await output.stdout(lines.join(''));
      return;
    }
    const assignment = /^([^\s=]+)(?:\s*=\s*|\s+)(.*)$/s.exec(text);
    if (!assignment) {
      if (!/^[^\s=]+$/.test(text)) throw new MagicError('usage', `%env ${text}: write %env NAME=value`);
      const value = session.environment[text];
      if (value === undefined) {
        throw new MagicError('not-found', `no environment variable ${text}: set it with %env ${text}=value`);
      }
      await output.stdout(`${value}\n`);
      return;
    }
    const [, name = '', assigned = ''] = assignment;
    const [, quote, quoted] = /^(["'])(.*)\1$/s.exec(assigned) ?? [];
    const raw = quoted ?? assigned;
    const value = quote === "'" ? raw : expandVariables(raw, session.environment);
    session.setEnvironment(name, value);
    await output.stdout(`env: ${name}=${SECRET.test(name) ? '<hidden>' : value}\n`);
  },
};

export const unsetEnv: SessionMagic = {
  name: 'unset_env',
  kinds: ['line'],
  summary: 'remove an environment variable',
  usage: '%unset_env NAME',
  completeIn: (_line, surroundings) => names(surroundings.environment()),
  run({ line, session }) {
    const name = line.trim();
    if (name === '') throw new MagicError('usage', '%unset_env needs a name: %unset_env NAME');
    if (session.environment[name] === undefined) {
      throw new MagicError('not-found', `no environment variable ${name}: %env lists all of them`);
    }
    session.setEnvironment(name, undefined);
  },
};
