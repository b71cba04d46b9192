import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SetupError } from '../src/machine/runtimes/python.ts';
import { readNotebook } from './notebook.ts';
import { places } from './places.ts';
import { reporter } from './progress.ts';
import { givenServer, startServer } from './server.ts';
import { setUp } from './setup.ts';

/** `-p name value` has two values, which parseArgs does not know of. */
function takeParameters(args: readonly string[]): { parameters: [string, string][]; rest: string[] } {
  const parameters: [string, string][] = [];
  const rest: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? '';
    if (word !== '-p' && word !== '--parameter') {
      rest.push(word);
      continue;
    }
    const [name, value] = [args[at + 1], args[at + 2]];
    if (name === undefined || value === undefined) {
      throw new SetupError('usage', '-p takes a name and a value, as in -p epochs 3');
    }
    parameters.push([name, value]);
    at += 2;
  }
  return { parameters, rest };
}

/** `tensorcell run NOTEBOOK`: resolves to the exit code. */
export async function runCommand(args: string[]): Promise<number> {
  const { parameters, rest } = takeParameters(args);
  const { values, positionals } = parseArgs({
    args: rest,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o' },
      kernel: { type: 'string' },
      server: { type: 'string' },
      environment: { type: 'string' },
    },
  });
  const [path] = positionals;
  if (path === undefined) throw new SetupError('usage', 'name the notebook to run');
  const notebook = resolve(path);
  readNotebook(notebook);
  const { runNotebook } = await import('./run.ts');
  // JupyterLab's client tells each socket that it opens; stdout is for what the cells print.
  console.debug = () => {};
  // Progress goes to stderr: what the cells print may be piped on.
  const report = reporter(process.stderr);
  const environment = values.environment === undefined ? undefined : resolve(values.environment);
  const server = values.server
    ? givenServer(values.server)
    : await startServer(await setUp(places(), { environment }, report), dirname(notebook));
  try {
    return await runNotebook({
      notebook,
      output: values.output,
      parameters,
      kernel: values.kernel,
      server,
      print: (text) => process.stdout.write(text),
      say: (line) => report.say(line),
    });
  } finally {
    await server.close();
  }
}
