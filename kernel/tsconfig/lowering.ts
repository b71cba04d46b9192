/** Options of tsconfig.json that change how code runs. */
import type { LoweringOptions } from '../contracts/compiled-cells.ts';
import type { UserConfig } from './index.ts';

export function loweringOptions(config: UserConfig | undefined): LoweringOptions {
  const { options = {} } = config ?? {};
  const strictNullChecks = options['strictNullChecks'] ?? options['strict'] ?? true;
  const factory = options['jsxFactory'];
  const fragment = options['jsxFragmentFactory'];
  const source = options['jsxImportSource'];
  const fields = options['useDefineForClassFields'];
  return {
    ...(options['experimentalDecorators'] === true
      ? {
          decorators: {
            metadata: options['emitDecoratorMetadata'] === true,
            strictNullChecks: strictNullChecks === true,
          },
        }
      : {}),
    ...(/^react-jsx(?:dev)?$/i.test(String(options['jsx']))
      ? { jsx: { importSource: typeof source === 'string' ? source : 'react' } }
      : typeof factory === 'string'
        ? { jsx: { factory, fragment: typeof fragment === 'string' ? fragment : 'React.Fragment' } }
        : {}),
    defineFields: typeof fields === 'boolean' ? fields : !isOldTarget(options['target']),
  };
}

/** Before ES2022, TypeScript assigns fields. */
function isOldTarget(target: unknown): boolean {
  const year = /^es(?:(?<edition>[3-6])|(?<year>\d{4}))$/iu.exec(
    typeof target === 'string' ? target : '',
  )?.groups;
  return year !== undefined && (year['edition'] !== undefined || Number(year['year']) < 2022);
}
