// @ts-check
// The prose of a file: comments, messages and test titles of code, and the text of Markdown and notebooks outside code.
import { parseSync } from 'oxc-parser';
import { CODE, CONSTRUCTIONS, mayHave } from './constructions.mjs';

/**
 * @typedef {object} Finding
 * @property {string} construction its name
 * @property {number} line counted from 1; of a notebook, the number of the cell
 * @property {string} text the words that were found
 *
 * @typedef {{ start: number, text: string }} Prose text as long as its part of the file, with code and markers masked
 */

/** Masks every character but line breaks. */
const mask = (/** @type {string} */ text, by = CODE) => text.replaceAll(/[^\n]/g, by);

/** Masks code inside of prose: what is between backticks. */
const maskBackticks = (/** @type {string} */ text) =>
  text.replaceAll(/\\?(`+)(?!`)[\s\S]*?[^`\\]\\?\1(?!`)/g, (code) => mask(code));

/**
 * Markdown with its fenced code, code in backticks, addresses and comments masked. A heading begins with `#`, so the
 * constructions about the first word of a sentence do not match in it.
 * @param {string} text
 */
function markdownProse(text) {
  return maskBackticks(
    text
      .replaceAll(/^( *)(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1\2[ \t]*$/gm, (block) => mask(block, ' '))
      .replaceAll(/<!--[\s\S]*?-->/g, (comment) => mask(comment, ' ')),
  )
    .replaceAll(/\]\([^)\s]*\)/g, (link) => mask(link))
    .replaceAll(/<https?:[^>]*>/g, (link) => mask(link));
}

/**
 * Comments of one program, those on adjacent lines as one.
 * @param {string} source
 * @param {readonly { type: string, start: number, end: number }[]} comments
 * @returns {Prose[]}
 */
function commentProse(source, comments) {
  /** @type {{ start: number, end: number, line: boolean }[]} */
  const groups = [];
  for (const { type, start, end } of comments) {
    const last = groups.at(-1);
    const line = type === 'Line';
    const between = last ? source.slice(last.end, start) : '';
    if (last && line && last.line && /^[ \t]*\r?\n[ \t]*$/.test(between)) last.end = end;
    else groups.push({ start, end, line });
  }
  return groups.map(({ start, end, line }) => {
    const raw = source.slice(start, end);
    const text = line
      ? raw.replaceAll(/^([ \t]*)(\/\/+|#+!?)/gm, (marker) => mask(marker, ' '))
      : raw.replace(/\*\/$/, '  ').replaceAll(/^[ \t]*(\/\*+|\*+(?!\*))/gm, (marker) => mask(marker, ' '));
    return { start, text: maskBackticks(text.replaceAll(/\{@link [^}]*\}/g, (link) => mask(link))) };
  });
}

/** @typedef {Record<string, any> & { type: string, start: number, end: number }} Node */

/** A string is prose when two words follow each other in it. */
const PROSE = /[a-z,]\s+[a-z]/i;

/**
 * A string literal or a template with its expressions masked; undefined when it is no prose.
 * @param {string} source
 * @param {Node} node
 * @returns {Prose | undefined}
 */
function stringProse(source, node) {
  let text;
  if (node.type === 'Literal' && typeof node['value'] === 'string') {
    text = source.slice(node.start + 1, node.end - 1);
  } else if (node.type === 'TemplateLiteral') {
    text = '';
    let at = node.start + 1;
    for (const { start, end } of node['expressions']) {
      const from = source.lastIndexOf('${', start);
      const to = source.indexOf('}', end) + 1;
      text += source.slice(at, from) + mask(source.slice(from, to));
      at = to;
    }
    text += source.slice(at, node.end - 1);
  }
  if (text === undefined || !PROSE.test(text)) return undefined;
  return { start: node.start + 1, text: maskBackticks(text.replaceAll(String.raw`\n`, '  ')) };
}

/** Functions of the test runners whose first argument is a title. */
const TITLED = new Set(['test', 'it', 'describe', 'suite']);

/** Whether a callee is `test`, `t.test`, `test.only` or `test.each(…)`. @param {Node} callee @returns {boolean} */
function takesTitle(callee) {
  if (callee.type === 'Identifier') return TITLED.has(callee['name']);
  if (callee.type === 'CallExpression') return takesTitle(callee['callee']);
  if (callee.type !== 'MemberExpression') return false;
  return callee['property'].name === 'test' || takesTitle(callee['object']);
}

/**
 * Strings of a program: all of them, or only the titles of tests.
 * @param {string} source
 * @param {unknown} program
 * @param {boolean} titlesOnly
 */
function stringsOf(source, program, titlesOnly) {
  /** @type {Prose[]} */
  const found = [];
  /** @param {unknown} value */
  const take = (value) => {
    const prose = stringProse(source, /** @type {Node} */ (value));
    if (prose) found.push(prose);
  };
  /** @param {unknown} value */
  const walk = (value) => {
    if (Array.isArray(value)) return value.forEach(walk);
    if (typeof value !== 'object' || value === null) return;
    const node = /** @type {Node} */ (value);
    if (!titlesOnly) take(node);
    else if (node.type === 'CallExpression' && node['arguments'].length > 0 && takesTitle(node['callee'])) {
      take(node['arguments'][0]);
    }
    for (const key in node) if (typeof node[key] === 'object') walk(node[key]);
  };
  walk(program);
  return found;
}

/**
 * The prose of a file of code. The parser's tree is read only where a string may have a construction.
 * @param {string} file its path: code of tests has comments and titles only
 * @param {string} source
 * @returns {Prose[]}
 */
function codeProse(file, source) {
  if (!mayHave(source)) return [];
  const result = parseSync(file, source);
  const fatal = result.errors.find(({ severity }) => /** @type {string} */ (severity) === 'Error');
  if (fatal) throw new Error(`${file} cannot be parsed: ${fatal.message}`);
  const prose = commentProse(source, result.comments);
  let rest = '';
  let at = 0;
  for (const { start, end } of result.comments) {
    rest += source.slice(at, start);
    at = end;
  }
  if (!mayHave(rest + source.slice(at))) return prose;
  return [...prose, ...stringsOf(source, result.program, file.startsWith('test/'))];
}

/** Strings and comments of Python, in the order of its tokens. */
const PYTHON = /"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'|#[^\n]*/g;

/**
 * The prose of a file of Python: comments, those on adjacent lines as one, and strings; of tests only those in triple quotes.
 * @param {string} file
 * @param {string} source
 * @returns {Prose[]}
 */
function pythonProse(file, source) {
  const tokens = [...source.matchAll(PYTHON)].map(({ 0: text, index }) => ({ start: index, text }));
  const comments = tokens
    .filter(({ text }) => text.startsWith('#'))
    .map(({ start, text }) => ({ type: 'Line', start, end: start + text.length }));
  const strings = tokens.filter(
    ({ text }) =>
      !text.startsWith('#') && PROSE.test(text) && (/^("{3}|'{3})/.test(text) || !file.startsWith('test/')),
  );
  return [
    ...commentProse(source, comments),
    ...strings.map(({ start, text }) => {
      const quote = /^("{3}|'{3}|["'])/.exec(text)?.[0].length ?? 1;
      return { start: start + quote, text: maskBackticks(text.slice(quote, -quote)) };
    }),
  ];
}

/**
 * Constructions in a piece of prose.
 * @param {Prose} prose
 * @param {(offset: number) => number} lineAt
 * @returns {Finding[]}
 */
function search({ start, text }, lineAt) {
  return CONSTRUCTIONS.flatMap(({ name, pattern }) =>
    [...text.matchAll(pattern)].map((match) => {
      const end = text.slice(match.index + match[0].length).match(/^[^\n.!?]{0,40}/)?.[0] ?? '';
      const words = `${match[0]}${end}`.replaceAll(/\s+/g, ' ').trim();
      return { construction: name, line: lineAt(start + match.index), text: words };
    }),
  );
}

/** The line of an offset. @param {string} text */
function lines(text) {
  const breaks = [...text.matchAll(/\n/g)].map(({ index }) => index);
  return (/** @type {number} */ offset) => {
    const at = breaks.findIndex((position) => position >= offset);
    return (at < 0 ? breaks.length : at) + 1;
  };
}

/**
 * All constructions in a file, in the order of its lines.
 * @param {string} file its path from the root, with `/`
 * @param {string} text
 * @returns {Finding[]}
 * @throws Error for code that cannot be parsed
 */
export function findingsIn(file, text) {
  /** @type {Finding[]} */
  let found;
  if (file.endsWith('.ipynb')) {
    const cells = /** @type {{ cell_type: string, source: string | string[] }[]} */ (JSON.parse(text).cells);
    found = cells.flatMap(({ cell_type: type, source }, at) =>
      type === 'markdown'
        ? search({ start: 0, text: markdownProse([source].flat().join('')) }, () => at + 1)
        : [],
    );
  } else {
    const prose = file.endsWith('.md')
      ? [{ start: 0, text: markdownProse(text) }]
      : file.endsWith('.py')
        ? pythonProse(file, text)
        : codeProse(file, text);
    const lineAt = lines(text);
    found = prose.flatMap((piece) => search(piece, lineAt));
  }
  return found.toSorted((a, b) => a.line - b.line);
}
