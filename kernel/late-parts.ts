/** Parts that the start does not need: each is loaded when it is first needed, or when the kernel is idle. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { once } from '../src/base/once.ts';
import { debug } from './log.ts';
import type { SessionOptions } from './session/options.ts';
import type { Session } from './session/session.ts';
import { readUserConfig } from './tsconfig/index.ts';
import { loweringOptions } from './tsconfig/lowering.ts';

/** Time after which the first `%device` is prepared: the first cells have run by then. */
const WARM_AFTER_MS = 3000;

const here = dirname(fileURLToPath(import.meta.url));

export type LateParts = Pick<SessionOptions, 'compiler' | 'language' | 'magics' | 'createPython'>;

/**
 * @param directory the notebook's folder
 * @param session is called when a part works
 */
export function createLateParts(directory: string, session: () => Session): LateParts {
  const magics: LateParts['magics'] = once(async () => {
    const { createMagicRegistry, warmMagics } = await import('./magics/index.ts');
    setTimeout(warmMagics, WARM_AFTER_MS).unref();
    return createMagicRegistry({
      directory: () => session().surroundings.directory,
      environment: () => session().surroundings.environment,
    });
  });
  /** The names that may follow `%`: what tells a magic from a remainder. */
  const magicNames = once(async (): Promise<string[]> =>
    (await magics()).all().flatMap(({ name, aliases = [] }) => [name, ...aliases]),
  );
  const cellCompiler = once(async () => {
    const [{ createCellCompiler }, names] = await Promise.all([
      import('./language/compile/index.ts'),
      magicNames(),
    ]);
    return createCellCompiler({
      knownMagics: () => names,
      declares: () => session().surroundings.settings.typecheck !== 'error',
      lowering: () => loweringOptions(readUserConfig(session().surroundings.directory)),
    });
  });
  const compiler: LateParts['compiler'] = once(async () => {
    const [cells, { createSessionCompiler }, names] = await Promise.all([
      cellCompiler(),
      import('./language/separate/index.ts'),
      magicNames(),
    ]);
    return createSessionCompiler({ compiler: cells, magics: names, file: join(here, 'compiler-process.js') });
  });
  const language: LateParts['language'] = once(async () => {
    const [{ createLanguageService }, names, cells, whole] = await Promise.all([
      import('./language/service/index.ts'),
      magicNames(),
      cellCompiler(),
      compiler(),
    ]);
    return createLanguageService({
      directory,
      globalTypes: globalTypes(),
      magics: () => names,
      split: (source) => cells.split(source),
      read: (source) => whole.read(source),
      log: debug,
      notify: (text) => session().notify(text),
    });
  });
  return { magics, compiler, language, createPython };
}

const createPython: LateParts['createPython'] = async ({ sink, surroundings, ask }) => {
  const { createPythonHost } = await import('./python/index.ts');
  return createPythonHost({
    sink,
    ask,
    log: debug,
    surroundings: () => ({ environment: surroundings.environment, directory: surroundings.directory }),
    adopt: (change) => surroundings.adopt(change, 'python'),
  });
};

/** The types of what cells have in scope: built into the folder of the bundles, or the sources of a checkout. */
function globalTypes(): string {
  const built = join(here, 'types', 'src', 'api', 'globals');
  return existsSync(built) ? built : join(dirname(here), 'src', 'api', 'globals');
}
