import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { doctorCommand } from './doctor.ts';
import { hardwareTestCommand } from './hardware-test.ts';
import { historyCommand } from './history.ts';
import { install, uninstall } from './install.ts';
import { runLab } from './lab.ts';
import { places, version } from './places.ts';
import { reporter } from './progress.ts';
import { runCommand } from './run-command.ts';
import { RUNTIME_USAGE, runtimeCommand } from './runtime.ts';
import { setUp } from './setup.ts';
import { prepareTutorials, tutorialsFolder } from './tutorials.ts';

export interface Command {
  name: string;
  usage: string;
  summary: string;
  /** Resolves to the exit code. */
  run(args: string[]): Promise<number> | number;
}

const SETUP_OPTIONS = {
  environment: { type: 'string' },
  requirements: { type: 'string', multiple: true },
  runtime: { type: 'string' },
} as const;

/** Arguments after `--` belong to another program. */
function splitRest(args: string[]): [string[], string[]] {
  const at = args.indexOf('--');
  return at < 0 ? [args, []] : [args.slice(0, at), args.slice(at + 1)];
}

function resolved(values: {
  environment?: string | undefined;
  requirements?: string[] | undefined;
  runtime?: string | undefined;
}): Parameters<typeof setUp>[1] {
  return {
    runtime: values.runtime,
    environment: values.environment === undefined ? undefined : resolve(values.environment),
    requirements: values.requirements?.map((file) => resolve(file)),
  };
}

export const COMMANDS: readonly Command[] = [
  {
    name: 'setup',
    usage: 'setup [--environment FOLDER] [--runtime cpu|cuda|directml|none] [--requirements FILE]',
    summary: 'creates the Python environment with JupyterLab, downloads TensorFlow, registers the kernel',
    async run(args) {
      const { values } = parseArgs({ args, options: SETUP_OPTIONS });
      await setUp(places(), resolved(values), reporter());
      return 0;
    },
  },
  {
    name: 'lab',
    usage:
      'lab [--environment FOLDER] [--notebooks FOLDER] [--runtime NAME] [--prepare] [-- JupyterLab arguments]',
    summary: 'does the same, then starts JupyterLab on the tutorials; with --prepare it does not start it',
    async run(args) {
      const [own, rest] = splitRest(args);
      const { values } = parseArgs({
        args: own,
        options: { ...SETUP_OPTIONS, notebooks: { type: 'string' }, prepare: { type: 'boolean' } },
      });
      const report = reporter();
      const here = places();
      const environment = await setUp(here, resolved(values), report);
      let folder = values.notebooks === undefined ? undefined : resolve(values.notebooks);
      if (folder === undefined && here.checkout) folder = here.notebooks;
      if (folder === undefined) {
        folder = tutorialsFolder();
        prepareTutorials(here, folder, report);
      }
      return values.prepare ? 0 : runLab(environment, folder, rest, report);
    },
  },
  {
    name: 'install',
    usage: 'install [--user | --sys-prefix | --prefix FOLDER]',
    summary:
      "registers the kernel: for this user's Jupyter, in the active Python environment, or in a folder",
    run(args) {
      const { values } = parseArgs({
        args,
        options: { user: { type: 'boolean' }, 'sys-prefix': { type: 'boolean' }, prefix: { type: 'string' } },
      });
      return install(places(), { sysPrefix: values['sys-prefix'], prefix: values.prefix });
    },
  },
  {
    name: 'uninstall',
    usage: 'uninstall [--all]',
    summary:
      'removes the kernel and lists what is kept; --all also removes TensorFlow builds, settings and history',
    run(args) {
      const { values } = parseArgs({ args, options: { all: { type: 'boolean' } } });
      return uninstall(places(), values.all === true);
    },
  },
  {
    name: 'runtime',
    usage: RUNTIME_USAGE.join('\n  tensorcell '),
    summary: 'lists, downloads, selects and removes TensorFlow builds',
    run: runtimeCommand,
  },
  {
    name: 'history',
    usage: 'history [on|off|clear]',
    summary: 'shows or changes whether the history of cells is kept, and where; clear deletes it',
    run(args) {
      const { positionals } = parseArgs({ args, allowPositionals: true, options: {} });
      return historyCommand(positionals[0]);
    },
  },
  {
    name: 'run',
    usage: 'run NOTEBOOK [-p NAME VALUE]… [--output FILE] [--kernel NAME] [--server ADDRESS]',
    summary: 'executes a notebook without a browser; exits with code 1 if a cell fails',
    run: runCommand,
  },
  {
    name: 'doctor',
    usage: 'doctor [--json]',
    summary:
      'checks everything between Windows and TensorFlow, and shows how to repair it (exit code 0, 1 or 2)',
    run: doctorCommand,
  },
  {
    name: 'hardware-test',
    usage: 'hardware-test [--quick] [--output FOLDER]',
    summary:
      'tests the device of this machine with ops and trainings (8 minutes, --quick 2) and writes hardware-report.md and .json',
    run: hardwareTestCommand,
  },
  {
    name: 'version',
    usage: 'version',
    summary: 'prints the version',
    run() {
      console.log(version(places()));
      return 0;
    },
  },
  {
    name: 'help',
    usage: 'help',
    summary: 'prints this help',
    run() {
      console.log('Tensorcell: TypeScript notebooks that train on the GPU\n');
      for (const { usage, summary } of COMMANDS) console.log(`  tensorcell ${usage}\n      ${summary}`);
      return 0;
    },
  },
];
