/** Help with names and members that are not there, from what errors say of them. */
import { knownGlobals } from './known-globals.ts';
import { keywordLike } from './keywords.ts';
import { likelyTypo, nearestKnown } from './near.ts';
import { pythonMember, pythonName, pythonNames, pythonType } from './python.ts';
import type { Receiver } from './python.ts';

/** Keywords that are allowed in the place of a name. */
const VALUES = [
  'true',
  'false',
  'null',
  'undefined',
  'this',
  'return',
  'break',
  'continue',
  'throw',
  'await',
  'function',
  'typeof',
];

/** Text of a cell in which its own names are looked for. */
const LONGEST = 20_000;

/**
 * Help for a name that is not defined.
 *
 * @param names of the session
 * @param source of the cell, whose own names count too
 */
function nameHint(name: string, names: readonly string[], source: string): string | undefined {
  const python = pythonName(name);
  if (python !== undefined) return python;
  const own = wordsOf(source, name);
  const near =
    nearestKnown(name, [...names, ...own]) ?? keywordLike(name, VALUES) ?? nearestKnown(name, knownGlobals());
  if (near !== undefined) return `did you mean \`${near}\`?`;
  const meant = likelyTypo(name, pythonNames());
  return meant === undefined ? undefined : pythonName(meant);
}

/** Names that the code of a cell holds, in the order of their first use. */
function wordsOf(source: string, except: string): string[] {
  const code = source
    .slice(0, LONGEST)
    .replaceAll(/(["'])(?:\\.|(?!\1)[^\\\n])*\1|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, ' ');
  const words = new Set(code.match(/(?<![\w$.])[\p{ID_Start}$_][\p{ID_Continue}$]*/gu));
  words.delete(except);
  return [...words].filter((word) => !RESERVED.has(word));
}

const RESERVED = new Set(
  'const let var function return import export class while for switch async await interface extends default throw typeof finally catch enum type else case yield static new try delete from if of in as do is void this super true false null undefined break continue'.split(
    ' ',
  ),
);

/** Help for a run-time error of a cell, as far as its message tells. */
export function errorHint(
  name: string,
  message: string,
  names: readonly string[],
  source: string,
): string | undefined {
  if (name === 'ReferenceError') {
    const missing = /^([\p{ID_Start}$_][\p{ID_Continue}$]*) is not defined$/u.exec(message)?.[1];
    return missing === undefined ? undefined : nameHint(missing, names, source);
  }
  if (name !== 'TypeError') return undefined;
  const [, created] = /^Class constructor (\w+) cannot be invoked without 'new'$/.exec(message) ?? [];
  if (created !== undefined) return `create an object of a class with \`new ${created}(…)\``;
  if (message.startsWith("Cannot use 'in' operator to search for "))
    return '`in` tests for a key of an object; `xs.includes(x)` searches a string or an array';
  return undefined;
}

/** Help for a type error: `code` is TypeScript's number, `after` the text behind what the error points at. */
export function typeHint(
  code: number,
  message: string,
  { names, source, after }: { names: readonly string[]; source: string; after: string },
): string | undefined {
  const [first, second] = [...message.matchAll(/'((?:[^'\\]|'(?=\w))*)'/g)].map(([, name]) => name);
  if (first === undefined) return undefined;
  switch (code) {
    case 2304:
    case 2503:
    case 2693:
      return (isType(after) ? pythonType(first) : undefined) ?? nameHint(first, names, source);
    case 2552:
    case 2584:
      // The message names what is near.
      return (isType(after) ? pythonType(first) : undefined) ?? pythonName(first);
    case 2339:
    case 2550:
    case 2551: {
      if (second?.startsWith('Promise<') === true) return 'the value of a promise is `await promise`';
      const receiver = second === undefined ? undefined : receiverOfType(second);
      const python = receiver && pythonMember(receiver, first);
      return code === 2551 && receiver !== 'object' ? undefined : python;
    }
    default:
      return undefined;
  }
}

/** A name that is called is a value; types of Python are also functions. */
function isType(after: string): boolean {
  return !/^\s*[(.]/.test(after);
}

function receiverOfType(type: string): Receiver | undefined {
  if (/\[\]$|^(?:readonly )?\[|^(?:Readonly)?Array</.test(type)) return 'array';
  if (type === 'string' || type.startsWith('"')) return 'text';
  if (/^(?:Readonly)?Map</.test(type)) return 'map';
  if (/^(?:Readonly)?Set</.test(type)) return 'set';
  if (/^(?:Tensor\d?D?|Scalar|Variable)\b/.test(type)) return 'tensor';
  if (/^\{|^Record</.test(type)) return 'object';
  return undefined;
}

/**
 * Help for a cell whose assignments have declared names.
 *
 * @param divides one of them ends in `// 2`
 */
export function declaredHint(names: readonly string[], divides: boolean): string {
  const [name] = names;
  const list = names.length > 3 ? [...names.slice(0, 3), '…'] : names;
  if (divides)
    return `\`//\` begins a comment, \`Math.floor(a / b)\` divides; a variable is declared with \`let ${name} = …\``;
  return `this cell declared ${list.map((one) => `\`${one}\``).join(', ')}; TypeScript writes \`let ${name} = …\`, or \`const ${name} = …\` for a value that does not change`;
}
