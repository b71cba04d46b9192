import { inspect } from 'node:util';
import type { PythonEnvironment } from '../../src/interop/python/environments.ts';
import type { PythonStatus } from '../../src/interop/python/requests.ts';
import type { MagicContext } from '../contracts/magics.ts';
import { alignColumns } from './columns.ts';
import { CellFailedError, MagicError } from './magic-error.ts';
import { nearestName } from '../../src/base/nearest-name.ts';
import type { SessionMagic } from './registry.ts';
import { shortenHome } from './path-completion.ts';
import { splitWords } from './words.ts';

const SUBCOMMANDS = ['envs', 'use', 'restart', 'status'] as const;

/** `%%python` runs a cell in Python, `%python` says and chooses which one. */
export const python: SessionMagic = {
  name: 'python',
  kinds: ['cell', 'line'],
  summary: 'run the cell in Python; %python envs, use, restart and status show and choose the environment',
  usage: '%%python [--env PATH] [--in a,b] [--out c,d] (%python envs | use PATH | restart | status)',
  complete: (line) => (/^\s*use\s/.test(line) ? [] : [...SUBCOMMANDS, '--env', '--in', '--out']),
  async run(context) {
    if (context.body === undefined) await runLine(context);
    else await runCell(context, context.body);
  },
};

interface CellOptions {
  env: string | undefined;
  in: string[];
  out: string[];
}

/** @throws MagicError `usage` */
export function parseCellOptions(line: string): CellOptions {
  const options: CellOptions = { env: undefined, in: [], out: [] };
  const words = splitWords(line);
  for (let at = 0; at < words.length; at++) {
    const [, name, attached] = /^--(env|in|out)(?:=(.*))?$/s.exec(words[at] ?? '') ?? [];
    if (name === undefined) {
      throw new MagicError(
        'usage',
        `%%python ${words[at]}: write %%python [--env PATH] [--in a,b] [--out c,d]`,
      );
    }
    const value = attached ?? words[++at];
    if (value === undefined || value === '')
      throw new MagicError('usage', `%%python --${name} needs a value`);
    if (name === 'env') {
      options.env = value;
      continue;
    }
    const names = value.split(',').map((each) => each.trim());
    for (const each of names) {
      if (!/^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(each)) {
        throw new MagicError(
          'usage',
          `%%python --${name} ${value}: ${JSON.stringify(each)} is not a variable name`,
        );
      }
      if (each.includes('$')) {
        throw new MagicError('usage', `%%python --${name} ${value}: names in Python cannot contain $`);
      }
    }
    options[name as 'in' | 'out'].push(...names);
  }
  return options;
}

async function runCell(context: MagicContext, body: string): Promise<void> {
  const { line, session, output } = context;
  const options = parseCellOptions(line);
  if (options.env !== undefined) await session.askPython({ what: 'use', path: options.env });
  const known = session.bindings().map(({ name }) => name);
  for (const name of options.in) {
    if (known.includes(name)) continue;
    const near = nearestName(name, known);
    throw new MagicError(
      'not-found',
      `%%python --in ${name}: TypeScript has no variable ${name}${near === undefined ? '' : `: did you mean ${near}?`}`,
    );
  }
  if (options.in.length > 0)
    await typescript(context, `await tensorcell.python.set({ ${options.in.join(', ')} });`);
  for (const item of await session.runPython(body)) {
    // `name?` and `%pinfo`: in a Python notebook it opens below the page.
    const { source, data } = item as { source?: string; data?: Record<string, unknown> };
    if (source === 'page' && data) await output.display({ data, metadata: {} });
  }
  if (options.out.length === 0) return;
  const kinds = (await session.askPython({
    what: 'ask',
    op: 'describe',
    argument: { names: options.out },
  })) as string[];
  const source = options.out
    .map((name, at) => {
      const type = TYPES[kinds[at] ?? ''];
      return `let ${name}${type === undefined ? '' : `: ${type}`} = await tensorcell.python.get(${JSON.stringify(name)});`;
    })
    .join('\n');
  await typescript(context, source);
}

/** TypeScript's types for the kinds of Python's values. */
const TYPES: Record<string, string> = {
  null: 'null',
  boolean: 'boolean',
  number: 'number',
  bigint: 'bigint',
  string: 'string',
  bytes: 'Uint8Array',
  date: 'Date',
  tensor: 'tf.Tensor',
  array: 'tensorcell.TaggedArray',
  'number[]': 'number[]',
  'string[]': 'string[]',
  'boolean[]': 'boolean[]',
  'tensor[]': 'tf.Tensor[]',
  table: 'Record<string, any>[]',
  list: 'any[]',
  object: 'Record<string, any>',
  map: 'Map<any, any>',
  set: 'Set<any>',
};

async function typescript({ session }: MagicContext, source: string): Promise<void> {
  const outcome = await session.run(source);
  if (outcome.status === 'error') throw new CellFailedError(outcome.error);
}

async function runLine(context: MagicContext): Promise<void> {
  const { line, session, output } = context;
  const [command = 'status', ...rest] = splitWords(line);
  switch (command) {
    case 'envs':
      await output.stdout(await environments(context));
      return;
    case 'use': {
      const path = rest.join(' ');
      if (path === '') throw new MagicError('usage', '%python use needs a path or a name: see %python envs');
      const chosen = (await session.askPython({ what: 'use', path })) as PythonEnvironment;
      await output.stdout(`Python ${chosen.version} (${chosen.executable}) from now on.\n`);
      if (!chosen.packages.ipykernel)
        await output.stderr('It has no ipykernel yet: the first use shows how to install it.\n');
      return;
    }
    case 'restart':
      await session.askPython({ what: 'restart' });
      await output.stdout("Python's variables are lost; the next use starts a new process.\n");
      return;
    case 'status':
      await output.stdout(statusText((await session.askPython({ what: 'status' })) as PythonStatus));
      return;
  }
  const near = nearestName(command, [...SUBCOMMANDS]);
  throw new MagicError(
    'usage',
    `%python ${command}: write %python ${SUBCOMMANDS.join(', ')}${near === undefined ? '' : `; did you mean ${near}?`}`,
  );
}

async function environments({ session }: MagicContext): Promise<string> {
  const found = (await session.askPython({ what: 'environments' })) as PythonEnvironment[];
  if (found.length === 0) return 'no Python was found on this machine\n';
  const { executable } = (await session.askPython({ what: 'status' })) as PythonStatus;
  const home = session.environment['HOME'];
  const rows = found.map((each) => {
    const packages = (['ipykernel', 'torch', 'tensorflow', 'numpy'] as const)
      .filter((name) => each.packages[name] !== undefined)
      .map((name) => `${name} ${each.packages[name]}`);
    const missing = each.packages.ipykernel === undefined ? ['no ipykernel'] : [];
    return [
      each.executable === executable ? '*' : ' ',
      each.name,
      each.version,
      `${each.kind}${each.jupyter ? ", JupyterLab's own" : ''}`,
      shortenHome(each.executable, home),
      [...missing, ...packages].join(', '),
    ];
  });
  return `${alignColumns(rows).join('\n')}\n`;
}

function statusText({ executable, processes }: PythonStatus): string {
  if (processes.length === 0) {
    return executable === undefined
      ? 'Python has not been used yet: %%python starts it, %python envs lists the environments.\n'
      : `${executable} is selected; it is not running yet.\n`;
  }
  return processes
    .map(({ current, version, executable: path, pid, busy }) => {
      const state = busy ? 'busy' : 'idle';
      return `${current ? '*' : ' '} Python ${version}  ${path}  process ${inspect(pid)}  ${state}\n`;
    })
    .join('');
}
