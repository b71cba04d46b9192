/** A session of the language service over a new folder, with the real TypeScript server. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCellCompiler } from '../../kernel/language/compile/index.ts';
import type { Completions, Inspection } from '../../kernel/contracts/language-service.ts';
import { createLanguageService, type LanguageServiceOptions } from '../../kernel/language/service/index.ts';

export const GLOBAL_TYPES = join(
  dirname(dirname(dirname(fileURLToPath(import.meta.url)))),
  'src',
  'api',
  'globals',
);

const MAGICS = ['who', 'time', 'timeit', 'bash', 'device', 'cd', 'lsmagic', 'python', 'typecheck'];

export function openSession(options: Partial<LanguageServiceOptions> & { folder?: string } = {}) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'tensorcell-types-')));
  const directory = join(root, options.folder ?? 'notebooks');
  mkdirSync(directory, { recursive: true });
  const logged: string[] = [];
  const compiler = createCellCompiler({ knownMagics: () => MAGICS });
  const service = createLanguageService({
    directory,
    globalTypes: GLOBAL_TYPES,
    magics: () => MAGICS,
    split: (source) => compiler.split(source),
    log: (message) => void logged.push(message),
    ...options,
  });
  let execution = 0;
  return {
    service,
    directory,
    logged,
    write(name: string, text: string): void {
      const path = join(directory, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    },
    /** Adds a cell; resolves to its problems as `line:column code message`. */
    async cell(source: string): Promise<string[]> {
      service.addCell(++execution, source);
      const found = await service.diagnostics(execution);
      return found.map(
        ({ start, code, message }) => `${start.line + 1}:${start.column + 1} ${code} ${message}`,
      );
    },
    execution: () => execution,
    /** Completes at `[cur]`. */
    async complete(source: string): Promise<Completions & { texts: string[] }> {
      const cursor = source.indexOf('[cur]');
      const completions = await service.complete(source.replace('[cur]', ''), cursor);
      return { ...completions, texts: completions.items.map(({ text }) => text) };
    },
    /** Inspects at `[cur]`. */
    async inspect(source: string): Promise<Inspection | undefined> {
      return await service.inspect(source.replace('[cur]', ''), source.indexOf('[cur]'));
    },
    async close(): Promise<void> {
      await service.dispose();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

export type TestSession = ReturnType<typeof openSession>;
