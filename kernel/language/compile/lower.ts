import { createRequire } from 'node:module';
import type { Options, Output } from '@swc/core';

export interface LoweringOptions {
  /** Decorators as TypeScript had them before 5.0 (`experimentalDecorators`). */
  legacyDecorators?: boolean;
  /** What `<a/>` calls, and what `<>` stands for. A `@jsx` comment in the source goes first. */
  jsx?: { factory: string; fragment: string };
}

const require = createRequire(import.meta.url);

/** swc takes 25 ms to load, and most cells never need it. */
let swc: { transformSync(source: string, options: Options): Output } | undefined;

/** Compiles what cannot just be erased (enums, namespaces, decorators, parameter properties, JSX, `using`). */
export function lower(
  source: string,
  filename: string,
  jsx: boolean,
  options: LoweringOptions,
): { code: string; map: string } {
  swc ??= require('@swc/core') as NonNullable<typeof swc>;
  const { code, map } = swc.transformSync(source, {
    filename,
    isModule: true,
    sourceMaps: true,
    swcrc: false,
    configFile: false,
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', tsx: jsx, decorators: true },
      externalHelpers: false,
      transform: {
        verbatimModuleSyntax: true,
        useDefineForClassFields: true,
        ...(options.legacyDecorators === true
          ? { legacyDecorator: true, decoratorMetadata: true }
          : { decoratorVersion: '2023-11' }),
        react: {
          runtime: 'classic',
          pragma: options.jsx?.factory ?? 'React.createElement',
          pragmaFrag: options.jsx?.fragment ?? 'React.Fragment',
        },
      },
    },
  });
  return { code, map: map ?? '' };
}
