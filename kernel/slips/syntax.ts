/** Help for a cell that the parser refuses: Python's syntax, and keywords with a typing error. */
import { misspeltIn } from './keywords.ts';
import { inTypeScript, pythonName } from './python.ts';
import { isComment, masked, rowsAround } from './rows.ts';

type Help = string | ((...groups: string[]) => string);

const PYTHON_PACKAGES =
  /^(?:numpy|pandas|matplotlib|torch|torchvision|sklearn|scipy|tensorflow|keras|seaborn|jax|PIL|cv2|transformers)\b/;

/** Modules of Python's standard library whose work the language or Node's own modules do. */
const PYTHON_MODULES =
  /^(?:abc|argparse|collections|copy|csv|dataclasses|enum|functools|itertools|logging|operator|pathlib|pickle|statistics|string|subprocess|time|typing|unittest)\b/;

function imported(module: string, statement: string, written: string): string {
  if (PYTHON_PACKAGES.test(module))
    return `${module} is a Python package: import it in a %%python cell; tensors, layers and models are in \`tf\``;
  const [root = ''] = module.split('.');
  const known = pythonName(root);
  if (known !== undefined) return known;
  if (PYTHON_MODULES.test(module)) return `${module} is a Python module: use it in a %%python cell`;
  return inTypeScript(statement, written);
}

/** `import { a, b as c } from 'x'`. */
function importNames(module: string, names: string): string {
  const list = names.replaceAll(/[()\s]+/g, ' ').trim();
  const path = module.replace(/^\.+/, './').replaceAll(/(?<=\w)\.(?=\w)/g, '/');
  return imported(module, `from ${module} import ${list}`, `import { ${list} } from '${path}'`);
}

const braces = (word: string): string => inTypeScript(`${word}:`, `${word} { … }`);

/** Statements of Python. Strings and comments are blank here. */
const STATEMENTS: readonly [pattern: RegExp, help: Help][] = [
  [
    /^\s*(async\s+)?def\s+(\w+)/,
    (async, name) =>
      inTypeScript(`${async && 'async '}def ${name}(…):`, `${async && 'async '}function ${name}(…) { … }`),
  ],
  [/^\s*(?:fn|func|fun)\s+(\w+)\s*\(/, (name) => `a function is written \`function ${name}(…) { … }\``],
  [/^\s*from\s+([\w.]+)\s+import\s+([\w ,*()]+)/, importNames],
  [
    /^\s*import\s+([\w.]+)\s+as\s+(\w+)/,
    (module, name) => imported(module, `import ${module} as ${name}`, `import * as ${name} from '${module}'`),
  ],
  [
    /^\s*import\s+(\w[\w.]*)(?:\s*,\s*\w[\w.]*)*\s*$/,
    (module) =>
      imported(
        module,
        `import ${module}`,
        `import * as ${module.slice(module.lastIndexOf('.') + 1)} from '${module}'`,
      ),
  ],
  [/(?:^|\})\s*(?:elif|elsif|elseif)\b/, inTypeScript('elif x:', '} else if (x) {')],
  [
    /^\s*for\s+(\w+)\s+in\s+range\s*\(\s*([^,()]+)\s*\)\s*:/,
    (name, end) =>
      inTypeScript(
        `for ${name} in range(${end}):`,
        `for (let ${name} = 0; ${name} < ${end}; ${name}++) { … }`,
      ),
  ],
  [
    /^\s*for\s+(\w+)\s+in\s+range\s*\(\s*([^,()]+),\s*([^,()]+)[^()]*\)\s*:/,
    (name, from, end) =>
      inTypeScript(
        `for ${name} in range(${from}, ${end}):`,
        `for (let ${name} = ${from}; ${name} < ${end}; ${name}++) { … }`,
      ),
  ],
  [
    /^\s*for\s+(\w+)\s*,\s*(\w+)\s+in\s+enumerate\s*\(\s*([\w.]+)\s*\)\s*:/,
    (index, name, list) =>
      inTypeScript(
        `for ${index}, ${name} in enumerate(${list}):`,
        `for (const [${index}, ${name}] of ${list}.entries()) { … }`,
      ),
  ],
  [
    /^\s*for\s+(\w+)\s*,\s*(\w+)\s+in\s+([\w.]+)\.items\s*\(\s*\)\s*:/,
    (key, name, dict) =>
      inTypeScript(
        `for ${key}, ${name} in ${dict}.items():`,
        `for (const [${key}, ${name}] of Object.entries(${dict})) { … }`,
      ),
  ],
  [
    /^\s*(?:async\s+)?for\s+\(?([\w, ]+?)\)?\s+in\s+(.+?)\s*:/,
    (names, list) =>
      inTypeScript(
        `for ${names.trim()} in ${list}:`,
        `for (const ${names.includes(',') ? `[${names.trim()}]` : names.trim()} of ${list}) { … }`,
      ),
  ],
  [
    /^\s*(if|while)\s+([^\s({].*?|\(.*\))\s*:(?!=)/,
    (word, condition) => inTypeScript(`${word} ${condition}:`, `${word} (${plain(condition)}) { … }`),
  ],
  [/^\s*(?:\}\s*)?(else|try|finally)\s*:/, braces],
  [/^\s*(?:\}\s*)?except\b/, inTypeScript('except ValueError as error:', '} catch (error) {')],
  [
    /^\s*class\s+(\w+)\s*(?:\(\s*([\w.]*)[^()]*\)\s*)?:/,
    (name, base) =>
      inTypeScript(
        `class ${name}${base && `(${base})`}:`,
        `class ${name}${base && ` extends ${base}`} { … }`,
      ),
  ],
  [
    /^\s*(?:async\s+)?with\s+((?:(?!\sas\s).)+?)\s+as\s+(\w+)\s*(?:,.*)?:/,
    (value, name) => inTypeScript(`with ${value} as ${name}:`, `{ using ${name} = ${value}; … }`),
  ],
  [/^\s*with\s+.+:\s*$/, inTypeScript('with x:', '{ using y = x; … }')],
  [/^\s*match\s+\w.*:\s*$/, inTypeScript('match x:', 'switch (x) { case 1: …; break }')],
  [/^\s*raise\b/, inTypeScript("raise ValueError('…')", "throw new Error('…')")],
  [/^\s*print\s+["'`\w]/, inTypeScript('print(x)', 'console.log(x)')],
  [
    /^\s*del\s+([\w.[\]"']+)/,
    (what) =>
      /[.[]/.test(what)
        ? inTypeScript(`del ${what}`, `delete ${what}`)
        : `a variable cannot be deleted: \`${what} = undefined\` frees its value`,
  ],
  [
    /^\s*(global|nonlocal)\s+\w/,
    (word) => `functions can assign outer variables without a declaration: remove the line with \`${word}\``,
  ],
  [/^\s*assert\s+[^=\s]/, inTypeScript('assert x', 'console.assert(x)')],
  [
    /^\s*(?:int|float|double|str|bool|char|string|boolean|number|auto|any)\s+(\w+)\s*=(?!=)/,
    (name) => `a variable is declared with \`let ${name} = …\`, or \`let ${name}: number = …\``,
  ],
  [
    /^\s*(let|const|var)\s+(\w+(?:\s*,\s*\w+)+)\s*=(?!=)/,
    (word, names) => `several variables get values with \`${word} [${names}] = [a, b]\``,
  ],
  [
    /^\s*(?:\}\s*else\s+)?(if|while|for|switch)\s+([^\s({][^{]*?)\s*\{/,
    (word, condition) =>
      `the condition after \`${word}\` goes in parentheses: \`${word} (${condition}) { … }\``,
  ],
];

/** `*rest` in a list of names, as here. */
const spread = (names: string): string => names.replaceAll('*', '...').trim();

/** The same for parts of a line. */
const PARTS: readonly [pattern: RegExp, help: Help][] = [
  [
    /(?:^|[\s=(,[{:])lambda\b\s*([^:()[\]{}"'`]*):/,
    (names) => inTypeScript(`lambda ${names}: …`, `(${spread(names)}) => …`),
  ],
  [
    /^\s*((?:\w+\s*,\s*)*\*\w+(?:\s*,\s*\w+)*)\s*,?\s*=(?!=)/,
    (names) => inTypeScript(`${names} = xs`, `let [${spread(names)}] = xs`),
  ],
  [/\bsuper\(\)\s*\./, inTypeScript('super().__init__(x)', 'super(x)')],
  [/\bnot\s+in\b/, inTypeScript('x not in xs', '!xs.includes(x)')],
  [/\bis\s+not\b/, inTypeScript('a is not b', 'a !== b')],
  [/(?:^|[\s(=,!&|])not\s+[\w("'`[!]/, inTypeScript('not x', '!x')],
  [/[\w)\]"'`]\s+and\s+[\w("'`[!-]/, inTypeScript('a and b', 'a && b')],
  [/[\w)\]"'`]\s+or\s+[\w("'`[!-]/, inTypeScript('a or b', 'a || b')],
  [/[\w)\]"'`]\s+is\s+[\w("'`[]/, inTypeScript('a is b', 'a === b')],
  [
    /[[({].*\bfor\s+\w+(?:\s*,\s*\w+)*\s+in\b/,
    `${inTypeScript('[f(x) for x in xs]', 'xs.map((x) => f(x))')}; \`xs.filter((x) => …)\` selects`,
  ],
  [/\S\s+if\s+\S.*\s+else\s+\S/, inTypeScript('a if c else b', 'c ? a : b')],
  [
    /([\w.]+|[\])"'`])\[\s*(-?[\w.]*)\s*:\s*(-?[\w.]*)\s*\]/,
    (list, from, to) => {
      const value = /[\])]/.test(list) ? 'xs' : /["'`]/.test(list) ? 'text' : list;
      const range = to ? `${from || '0'}, ${to}` : from;
      return inTypeScript(`${value}[${from}:${to}]`, `${value}.slice(${range})`);
    },
  ],
  [
    /[\w\])]\[[^\]{}"'`]*(?::\s*,|,\s*:)[^\]{}"'`]*\]/,
    'a slice of a tensor is `t.slice([from, 0], [count, -1])`, of an array `xs.slice(from, to)`',
  ],
  [/\[[^\]]*:[^\]]*:[^\]]*\]/, 'a slice of an array is `xs.slice(from, to)`'],
  [/[(,]\s*\*\*(\w+)/, (name) => inTypeScript(`f(**${name})`, `f({ ...${name} })`)],
  [/[(,]\s*\*(\w+)/, (name) => inTypeScript(`f(*${name})`, `f(...${name})`)],
  [/[[{]\s*\*(\w+)/, (name) => inTypeScript(`[*${name}]`, `[...${name}]`)],
  [/=\s*\*(\w+)/, (name) => inTypeScript(`*${name}, 1`, `[...${name}, 1]`)],
  [/\{\s*\*\*(\w+)/, (name) => inTypeScript(`{**${name}}`, `{ ...${name} }`)],
  [/[\w)\s]:=\s*\S/, inTypeScript('(n := f())', '(n = f())')],
  [/=\s*\{\s*(?:-?\d[\w.]*|"[^"]*"|'[^']*')\s*(?:,[^:{}]*)?\}/, inTypeScript('{1, 2}', 'new Set([1, 2])')],
  [/(?:^|[\s=(,[+:{])[fF](?=["'])/, 'a string with values goes in backticks: `sum: ${x}`'],
  [
    /(?:^|[\s=(,[+:{])(?:[rR][bB]?|[bB][rR]?|[uU])(?=["'])/,
    'TypeScript strings have no prefix; `String.raw` keeps backslashes',
  ],
  [/"""|'''/, 'a string of several lines goes in backticks; a comment goes between `/*` and `*/`'],
  [/^\s*#(?![\w!]*\s*(?:[=;(]|in\b))|[;)}\]\w"'`,:]\s+#|^\s*#\s/, 'a comment begins with `//`'],
  [
    /(?:^|[\s=(,[+*/{:-])-\s*([\w.]+)\s*\*\*\s*([\w.]+)/,
    (base, power) => inTypeScript(`-${base} ** ${power}`, `-(${base} ** ${power})`),
  ],
  [
    /(?<![\w.])(?:\d[\d_]*\.?[\d_]*|\.\d+)(?:[eE][+-]?\d+)?[jJ]\b/,
    'TypeScript has no complex numbers: `tf.complex(real, imag)` makes tensors of them',
  ],
  [/(?<![\w.])(\d+)[lL]\b/, (digits) => inTypeScript(`${digits}L`, `${digits}n`)],
  [/[\w)\]]\s*<>\s*[\w("'`[-]/, inTypeScript('a <> b', 'a !== b')],
  [
    /(?:\(([\w, :]*)\)|=\s*(\w+))\s*->\s*\S/,
    (names, name) => `a function is written \`(${names || name}) => …\``,
  ],
  [/[\w)\]]\s*@\s*[\w([]/, inTypeScript('a @ b', 'tf.matMul(a, b)')],
  [/\(\s*([^(),]+),\s*\)/, (part) => inTypeScript(`(${part.trim()},)`, `[${part.trim()}]`)],
  [/=\s*([\w."'`]+)\s*,\s*$/, (part) => inTypeScript(`${part},`, `[${part}]`)],
  [/(["'`])_*\1\s+(["'`])/, 'a `+` or a comma is missing between two strings'],
  [/["'`]\s*%\s*[\w(]/, 'a string with values goes in backticks: `sum: ${x}`'],
];

const FLOOR_DIVISION = /[\w)\]]\s*\/\/\s*[\w(]/;

/** Words of Python in the place of words here. */
function plain(condition: string): string {
  return condition
    .replaceAll(/\bTrue\b/g, 'true')
    .replaceAll(/\bFalse\b/g, 'false')
    .replaceAll(/\bNone\b/g, 'null')
    .replaceAll(/\bis\s+not\b/g, '!==')
    .replaceAll(/\bis\b/g, '===')
    .replaceAll(/\band\b/g, '&&')
    .replaceAll(/\bor\b/g, '||')
    .replaceAll(/\bnot\s+/g, '!')
    .trim();
}

/**
 * Help for a text that cannot be parsed, or none. Takes time in proportion to the text's length.
 *
 * @param offset of the first mistake that the parser has found
 */
export function syntaxHint(source: string, offset: number): string | undefined {
  const rows = rowsAround(source, offset);
  const [at, before, after] = rows;
  return (
    ofStatement(at) ??
    misspeltIn(at) ??
    ofPart(at) ??
    ofStatement(before) ??
    ofPart(before) ??
    misspeltIn(before) ??
    // An open bracket, as after a comment that was meant as a division, is noticed later.
    (FLOOR_DIVISION.test(masked(before) ?? '') || FLOOR_DIVISION.test(masked(at) ?? '')
      ? `${inTypeScript('a // b', 'Math.floor(a / b)')}; \`//\` begins a comment`
      : undefined) ??
    ofStatement(after)
  );
}

function ofStatement(row: string | undefined): string | undefined {
  return row === undefined || isComment(row) ? undefined : firstOf(STATEMENTS, row, row);
}

function ofPart(row: string | undefined): string | undefined {
  if (row === undefined || isComment(row)) return undefined;
  // In a comment words are no code.
  const code = masked(row).replace(/(?:^|\s)\/\/(?:\s|$).*/, '');
  return firstOf(PARTS, code, row);
}

function firstOf(table: readonly [RegExp, Help][], row: string, raw: string): string | undefined {
  for (const [pattern, help] of table) {
    const match = pattern.exec(row);
    if (!match) continue;
    if (typeof help === 'string') return help;
    // The same place of the row as typed has the strings that were blank.
    const whole = new RegExp(pattern.source, pattern.flags).exec(raw) ?? match;
    return help(...whole.slice(1).map((group: string | undefined) => group ?? ''));
  }
  return undefined;
}
