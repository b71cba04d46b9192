// @ts-check
// The constructions that prose of this project avoids, each with what to write instead (CONTRIBUTING.md, "Words").

/**
 * @typedef {object} Construction
 * @property {string} name the name in the allow list
 * @property {RegExp} pattern matched against prose in which code is masked by `CODE`; spaces match line breaks too
 * @property {string} instead what to write
 */

/** Stands for each character of code inside of prose, so that no construction spans it. */
export const CODE = '¤';

/** Before the first word of a sentence, a list item or a table cell; in a lookbehind. */
const START = String.raw`(?:^\s*|[.!?;:]["')*_]*\s+|\|\s*|\n\s*\n\s*|(?:^|\n)\s*(?:[-*]|\d+\.)\s+)`;

/** The rest of a sentence that is not a question. */
const STATEMENT = String.raw`(?![^.!?|]*\?)`;

/** A pattern for words; each space matches any white space. */
const words = (/** @type {string} */ source, flags = 'i') =>
  new RegExp(String.raw`(?<![\w-])(?:${source.replaceAll(' ', String.raw`\s+`)})(?![\w-])`, `g${flags}`);

/** A pattern for the first word of a statement: capital, or the beginning of the whole text. */
const subject = (/** @type {string} */ word) => {
  const lower = word.toLowerCase();
  return new RegExp(
    String.raw`(?:${word}(?<=${START}${word})|${lower}(?<=^\s*${lower}))(?=\s)${STATEMENT}`,
    'g',
  );
};

/** @type {readonly Construction[]} */
export const CONSTRUCTIONS = [
  { name: 'who-subject', pattern: subject('Who'), instead: 'name the person: "If you …", "A user who …"' },
  { name: 'what-subject', pattern: subject('What'), instead: 'begin with the thing itself' },
  {
    name: 'nobody',
    pattern: words('nobody|somebody|everybody|whoever'),
    instead: '"no process", "a client", "all users", or the passive',
  },
  {
    name: 'he',
    pattern: words("(?:he|He(?= [a-z])|his|him|himself|[Hh]e's)(?! (?:et al|init|normal|uniform))", ''),
    instead: '"it", or the noun again',
  },
  {
    name: 'of-its-own',
    pattern: words("of (?:ours|theirs|hers|(?:its|their|his|her|our|one's) own)"),
    instead: '"our", "separate", or nothing',
  },
  { name: 'says-so', pattern: words('(?:say|says|said|saying) (?:so|why)'), instead: 'say what it reports' },
  { name: 'beside', pattern: words('beside'), instead: '"next to" (place), "in addition to"' },
  { name: 'hangs-on', pattern: words('(?:hang|hangs|hung|hanging) on'), instead: '"depends on"' },
  { name: 'asked-for', pattern: words('asked for'), instead: '"requested"' },
  {
    name: 'stands-under',
    pattern: words('(?:stand|stands|stood|standing) (?:under|below|above|there|here|where|for it)'),
    instead: '"is shown below", "is"',
  },
  { name: 'let-go', pattern: words('(?:let|lets|letting) go'), instead: '"release"' },
  { name: 'goes-round', pattern: words('(?:go|goes|went|going) round'), instead: '"loops", "bypasses"' },
  { name: 'at-hand', pattern: words('(?:is|was|were|are|be) at hand'), instead: '"available", "tested on"' },
  {
    name: 'no-number',
    pattern: words('no number(?: any more)?'),
    instead: '"not a number", "NaN", "not finite"',
  },
  { name: 'op-by-op', pattern: words('op by op'), instead: '"eagerly", "eager"' },
  {
    name: 'way-back',
    pattern: words('the way back'),
    instead: '"the backward pass", "in the other direction"',
  },
  { name: 'processor', pattern: words('processors?'), instead: '"CPU"' },
  {
    name: 'crossing',
    pattern: words('(?:cross|crosses|crossed|crossings?)(?! (?:entropy|product|validation))'),
    instead: '"is converted", "conversion", "interop"',
  },
  {
    name: 'passed-over',
    pattern: words('passed over|ladder|rungs?'),
    instead: '"rejected", "device selection"',
  },
  { name: 'missing-kernels', pattern: words('missing kernels?'), instead: '"added kernels"' },
  {
    name: 'aside',
    pattern: words('(?<!(?:set|sets|setting|put|puts) )aside'),
    instead: '"async", "on a background thread"',
  },
];

/** Where a statement may begin with `who` or `what`, as far as a look at the code tells. */
const SUBJECTS = /\bWh(?:at|o)\s|(?:\/\/|\*|["'`]|\n)\s*wh(?:at|o)\s/;

const WORDS = new RegExp(
  CONSTRUCTIONS.filter(({ name }) => !name.endsWith('-subject'))
    .map(({ pattern }) => `(?:${pattern.source})`)
    .join('|'),
  'i',
);

/** Whether code may have a construction in a comment or a string: a fast check, true for all code that has one. */
export function mayHave(/** @type {string} */ code) {
  const joined = code.replaceAll(/\n[ \t]*(?:\/\/+|\*)?[ \t]*/g, ' \n ');
  return SUBJECTS.test(joined) || WORDS.test(joined);
}
