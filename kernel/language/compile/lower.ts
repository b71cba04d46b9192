import { createRequire } from 'node:module';
import type { Options, Output, ReactConfig } from '@swc/core';
import type { LoweringOptions } from '../../contracts/compiled-cells.ts';
import { withEnumTypes } from './metadata.ts';

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
        useDefineForClassFields: options.defineFields ?? true,
        ...(options.decorators
          ? { legacyDecorator: true, decoratorMetadata: options.decorators.metadata }
          : { decoratorVersion: '2023-11' }),
        react: reactOptions(source, options),
      },
    },
  });
  return { code: options.decorators?.metadata === true ? withEnumTypes(code) : code, map: map ?? '' };
}

/** A comment in the source that names the function goes before tsconfig.json. */
function reactOptions(source: string, { jsx }: LoweringOptions): ReactConfig {
  if (jsx && 'importSource' in jsx && !/@jsx\s/.test(source))
    return { runtime: 'automatic', importSource: jsx.importSource };
  const named = jsx && 'factory' in jsx ? jsx : undefined;
  return {
    runtime: 'classic',
    pragma: named?.factory ?? 'React.createElement',
    pragmaFrag: named?.fragment ?? 'React.Fragment',
  };
}
