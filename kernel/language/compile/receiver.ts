import type { Expression } from 'oxc-parser';
import type { Edits } from './edits.ts';

/** Methods of output streams, which are called for what they do: they return whether the stream can take more. */
const OF_STREAMS = new Set(['write', 'cursorTo', 'moveCursor', 'clearLine', 'clearScreenDown', 'end']);

/** Where a cell ends in `stream.write(…)`, has the runtime process see the stream. */
export function markReceiver(expression: Expression, edits: Edits, context: string): void {
  let at = expression;
  while (at.type === 'ParenthesizedExpression' || at.type === 'ChainExpression') at = at.expression;
  if (at.type !== 'CallExpression') return;
  const { callee } = at;
  if (callee.type !== 'MemberExpression' || callee.computed || callee.object.type === 'Super') return;
  if (callee.property.type !== 'Identifier' || !OF_STREAMS.has(callee.property.name)) return;
  edits.before(callee.object.start, `${context}.receiver(`);
  edits.after(callee.object.end, ')');
}
