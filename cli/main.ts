#!/usr/bin/env node
import { COMMANDS } from './commands.ts';
import { NotebookError } from './notebook.ts';
import { SetupError } from '../src/machine/runtimes/python.ts';
import { RuntimeStoreError } from '../src/machine/runtimes/store.ts';

const [name = 'help', ...args] = process.argv.slice(2);
const wanted =
  name === '--help' || name === '-h' ? 'help' : name === '--version' || name === '-v' ? 'version' : name;
const command = COMMANDS.find((known) => known.name === wanted);
if (!command) {
  console.error(`tensorcell: unknown command "${name}": ${COMMANDS.map((known) => known.name).join(', ')}`);
  process.exitCode = 2;
} else if (asksForHelp(args)) {
  console.log(`usage: tensorcell ${command.usage}\n\n${command.summary}`);
} else {
  try {
    process.exitCode = await command.run(args);
  } catch (error) {
    const usage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
    if (
      !usage &&
      !(error instanceof SetupError) &&
      !(error instanceof RuntimeStoreError) &&
      !(error instanceof NotebookError)
    )
      throw error;
    console.error(`tensorcell: ${(error as Error).message}`);
    if (usage) console.error(`usage: tensorcell ${command.usage}`);
    process.exitCode = usage ? 2 : 1;
  }
}

/** `--help` or `-h` before `--`, behind which arguments belong to another program. */
function asksForHelp(given: readonly string[]): boolean {
  const end = given.indexOf('--');
  return (end < 0 ? given : given.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}
