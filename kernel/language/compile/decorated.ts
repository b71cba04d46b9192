import type { Program } from 'oxc-parser';
import type { LoweringOptions } from '../../contracts/compiled-cells.ts';
import type { Edits } from './edits.ts';
import { plainTypes } from './metadata.ts';

/** Rewrites the syntax that swc must find in another form than typed. */
export function prepareLowering(
  source: string,
  program: Program,
  edits: Edits,
  { decorators }: LoweringOptions,
): void {
  for (const statement of program.body)
    if (statement.type === 'TSExportAssignment') {
      edits.replace(statement.start, statement.expression.start, 'module.exports = (');
      edits.after(statement.expression.end, ')');
    }
  if (!decorators) nameDecoratedClasses(source, program, edits);
  else if (decorators.metadata) plainTypes(source, program, edits, decorators.strictNullChecks);
}

/**
 * Makes `var A = @d class A { … };` of each decorated class of the top level. Lowered as a declaration, the class goes
 * by another name, under which neither later cells nor a namespace that merges with the class finds it.
 */
function nameDecoratedClasses(source: string, program: Program, edits: Edits): void {
  for (const statement of program.body) {
    const isDefault = statement.type === 'ExportDefaultDeclaration';
    const isExport = isDefault || statement.type === 'ExportNamedDeclaration';
    const node = isExport ? statement.declaration : statement;
    if (node?.type !== 'ClassDeclaration' || !node.id || node.declare === true) continue;
    const [first] = node.decorators;
    const last = node.decorators.at(-1);
    if (!first || !last) continue;
    const { name } = node.id;
    const start = Math.min(statement.start, first.start);
    let keyword = '';
    if (isExport) {
      // `@d export class A` and `export @d class A` mean the same.
      const from = first.start <= statement.start ? last.end : statement.start;
      const found = /export(?:\s+default)?\s*/u.exec(source.slice(from, node.id.start));
      if (found) edits.remove(from + found.index, from + found.index + found[0].length);
      keyword = isDefault ? '' : 'export ';
    }
    edits.before(start, `${keyword}var ${name} = `);
    if (node.abstract === true) {
      // There are no abstract class expressions; what is abstract has no trace at run time.
      const found = /abstract\s+(?=class\b)/u.exec(source.slice(last.end, node.id.start));
      if (found) edits.remove(last.end + found.index, last.end + found.index + found[0].length);
      for (const { type, start: from, end } of node.body.body)
        if (type.startsWith('TSAbstract')) edits.remove(from, end);
    }
    edits.after(node.end, isDefault ? `;export { ${name} as default };` : ';');
  }
}
