// @ts-check
// node scripts/module-state.mjs
//
// Reads `{ files: { path: text } }` as JSON from standard input and writes the mutable state at the top level of each module,
// `{ path: [{ name, kind }] }`. The test of docs/module-state.md calls it (test/unit/module-state.test.ts).
import { text as readText } from 'node:stream/consumers';
import { posix } from 'node:path';
import { parseSync } from 'oxc-parser';

/**
 * @typedef {{ name: string, kind: 'variable' | 'container' | 'object' | 'closure' | 'field' }} ModuleState a name, or
 *   `Class.field`, with the kind of it
 * @typedef {{ type: string, [field: string]: unknown }} Node
 */

/** Classes and functions whose values have no state that code could come to depend on. */
const STATELESS = new Set(
  (
    'RegExp URL TextEncoder TextDecoder Intl.NumberFormat Intl.DateTimeFormat Intl.Segmenter ' +
    'Intl.Collator Intl.PluralRules'
  ).split(' '),
);

/** Built-in containers: state where something changes them. */
const CONTAINERS = new Set(
  (
    'Map Set WeakMap WeakSet Array ArrayBuffer SharedArrayBuffer DataView Uint8Array Int8Array ' +
    'Uint16Array Int16Array Uint32Array Int32Array BigInt64Array Float32Array Float64Array BigUint64Array ' +
    'Uint8ClampedArray'
  ).split(' '),
);

/** Methods that change a container. */
const MUTATING = new Set(
  (
    'set add delete clear push pop shift unshift splice sort reverse fill copyWithin setInt32 setUint32 ' +
    'setFloat32 setFloat64 setBigInt64 setBigUint64'
  ).split(' '),
);

/** Functions that change their first argument. */
const CHANGING =
  /^(?:Object\.(?:assign|defineProperty|defineProperties|setPrototypeOf)|Reflect\.(?:set|deleteProperty|defineProperty)|Atomics\.\w+)$/;

/** Functions of `src/base` and of libraries that keep the result of their first call. */
const CACHING = /^(?:once|memoize|lazy|cached)$/;

/** @param {unknown} value @returns {value is Node} */
function isNode(value) {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** @param {Node | undefined} node @param {string} field */
function nodeIn(node, field) {
  const value = node?.[field];
  return isNode(value) ? value : undefined;
}

/** @param {Node | undefined} node @param {string} field @returns {Node[]} */
function nodesIn(node, field) {
  const value = node?.[field];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

/** @param {Node | undefined} node @param {string} field */
function textIn(node, field) {
  const value = node?.[field];
  return typeof value === 'string' ? value : '';
}

/** A value without `as`, `satisfies`, `!` and parentheses. @param {Node | undefined} node @returns {Node | undefined} */
function bare(node) {
  const wrapped = /^(?:TSAsExpression|TSSatisfiesExpression|TSNonNullExpression|ParenthesizedExpression)$/;
  return node !== undefined && wrapped.test(node.type) ? bare(nodeIn(node, 'expression')) : node;
}

/** `a.b.c` of identifiers and members; empty for anything else. @param {Node | undefined} given @returns {string} */
function pathOf(given) {
  const node = bare(given);
  if (node?.type === 'Identifier') return textIn(node, 'name');
  if (node?.type !== 'MemberExpression' || node['computed'] === true) return '';
  const object = pathOf(nodeIn(node, 'object'));
  return object === '' ? '' : `${object}.${textIn(nodeIn(node, 'property'), 'name')}`;
}

/** The identifier that a chain of members begins with, and the length of the chain: `a` and 3 of `a.b[c].d`. @param {Node | undefined} given */
function rootOf(given) {
  let node = bare(given);
  let members = 0;
  while (node?.type === 'MemberExpression') {
    node = bare(nodeIn(node, 'object'));
    members++;
  }
  return { name: node?.type === 'Identifier' ? textIn(node, 'name') : '', members };
}

/**
 * Visits all nodes, with whether each is inside of a function.
 * @param {unknown} node
 * @param {(node: Node, inside: boolean) => void} visit
 */
function walk(node, visit, inside = false) {
  if (Array.isArray(node)) {
    for (const part of node) walk(part, visit, inside);
    return;
  }
  if (!isNode(node)) return;
  visit(node, inside);
  const within =
    inside || /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type);
  for (const key in node) {
    const part = node[key];
    if (typeof part === 'object' && part !== null) walk(part, visit, within);
  }
}

/**
 * The names whose values code changes: by a method, an assignment to a member, or a function that changes its argument.
 * `anywhere`, or only inside of functions: top-level code only builds what a module holds.
 * @param {unknown} program
 * @returns {{ anywhere: Set<string>, inFunctions: Set<string> }}
 */
function changedNames(program) {
  /** @type {Set<string>} */
  const anywhere = new Set();
  /** @type {Set<string>} */
  const inFunctions = new Set();
  walk(program, (node, inside) => {
    const add = (/** @type {string} */ name) => {
      anywhere.add(name);
      if (inside) inFunctions.add(name);
    };
    const member = (/** @type {Node | undefined} */ target) => {
      const { name, members } = rootOf(target);
      if (members > 0) add(name);
    };
    if (node.type === 'AssignmentExpression') member(nodeIn(node, 'left'));
    if (node.type === 'UpdateExpression') member(nodeIn(node, 'argument'));
    if (node.type === 'UnaryExpression' && node['operator'] === 'delete') member(nodeIn(node, 'argument'));
    if (node.type !== 'CallExpression') return;
    const callee = bare(nodeIn(node, 'callee'));
    const [first] = nodesIn(node, 'arguments');
    if (CHANGING.test(pathOf(callee))) add(rootOf(first).name);
    if (callee?.type === 'MemberExpression' && MUTATING.has(textIn(nodeIn(callee, 'property'), 'name')))
      add(rootOf(nodeIn(callee, 'object')).name);
  });
  return { anywhere, inFunctions };
}

/**
 * The kind of state that a value may be; `container` counts only where something changes it.
 * @param {Node | undefined} given
 * @returns {ModuleState['kind'] | undefined}
 */
function kindOf(given) {
  const value = bare(given);
  if (value?.type === 'ArrayExpression' || value?.type === 'ObjectExpression') return 'container';
  const callee = pathOf(nodeIn(value, 'callee'));
  if (value?.type === 'NewExpression') {
    if (CONTAINERS.has(callee)) return 'container';
    return STATELESS.has(callee) || callee.endsWith('Error') ? undefined : 'object';
  }
  if (value?.type !== 'CallExpression') return undefined;
  if (/^(?:Buffer\.alloc\w*|Object\.create)$/.test(callee)) return 'container';
  const made = bare(nodeIn(value, 'callee'))?.type;
  const inPlace = made === 'ArrowFunctionExpression' || made === 'FunctionExpression';
  return inPlace || CACHING.test(callee) ? 'closure' : undefined;
}

/** Names in a pattern: `a`, `[a]`, `{ b: a = 1 }`. @param {Node | undefined} pattern @returns {Generator<string>} */
function* patternNames(pattern) {
  if (pattern?.type === 'Identifier') yield textIn(pattern, 'name');
  for (const part of [...nodesIn(pattern, 'elements'), ...nodesIn(pattern, 'properties')])
    yield* patternNames(
      part.type === 'Property' ? nodeIn(part, 'value') : (nodeIn(part, 'argument') ?? part),
    );
  if (pattern?.type === 'AssignmentPattern') yield* patternNames(nodeIn(pattern, 'left'));
}

/** @param {Node} declared @param {Set<string>} changed @returns {Generator<ModuleState>} */
function* fieldsOf(declared, changed) {
  const owner = textIn(nodeIn(declared, 'id'), 'name');
  for (const field of nodesIn(nodeIn(declared, 'body'), 'body')) {
    if (field.type !== 'PropertyDefinition' || field['static'] !== true || field['declare'] === true)
      continue;
    const kind = kindOf(nodeIn(field, 'value'));
    const fixed =
      field['readonly'] === true && (kind === undefined || (kind === 'container' && !changed.has(owner)));
    if (!fixed) yield { name: `${owner}.${textIn(nodeIn(field, 'key'), 'name')}`, kind: 'field' };
  }
}

/**
 * The state at the top level of a module: `let` and `var`; constants that hold a container that a function of the module (or,
 * where it is exported, another module) changes, an object of a class with state, or a closure that keeps a result; fields of functions and
 * static fields of classes. State that a function reaches only by a parameter or an alias is not found.
 *
 * @param {unknown} program
 * @param {ReadonlySet<string>} inFunctions names that its functions change
 * @param {ReadonlySet<string>} changedElsewhere names that other modules import from this one and change
 */
function stateOf(program, inFunctions, changedElsewhere) {
  const changed = new Set([...inFunctions, ...changedElsewhere]);
  /** @type {ModuleState[]} */
  const found = [];
  for (const statement of isNode(program) ? nodesIn(program, 'body') : []) {
    const declared = nodeIn(statement, 'declaration') ?? statement;
    const owner = textIn(nodeIn(declared, 'id'), 'name');
    if (declared.type === 'FunctionDeclaration' && changed.has(owner))
      found.push({ name: owner, kind: 'field' });
    if (declared.type === 'ClassDeclaration') found.push(...fieldsOf(declared, changed));
    if (declared.type !== 'VariableDeclaration' || declared['declare'] === true) continue;
    for (const declarator of nodesIn(declared, 'declarations')) {
      const kind = declared['kind'] === 'const' ? kindOf(nodeIn(declarator, 'init')) : 'variable';
      for (const name of patternNames(nodeIn(declarator, 'id')))
        if (kind !== undefined && (kind !== 'container' || changed.has(name))) found.push({ name, kind });
    }
  }
  return found;
}

/** The names that a module imports from other modules and changes. @param {unknown} program @param {ReadonlySet<string>} changed */
function changedImports(program, changed) {
  const imports = isNode(program) ? nodesIn(program, 'body') : [];
  return imports.flatMap((statement) => {
    if (statement.type !== 'ImportDeclaration') return [];
    const specifier = textIn(nodeIn(statement, 'source'), 'value');
    return nodesIn(statement, 'specifiers')
      .filter((one) => changed.has(textIn(nodeIn(one, 'local'), 'name')))
      .map((one) => ({ specifier, name: textIn(nodeIn(one, 'imported'), 'name') }));
  });
}

/** @param {Record<string, string>} files texts by path, with `/` @returns {Record<string, ModuleState[]>} */
function stateOfModules(files) {
  const programs = Object.entries(files).map(([file, text]) => {
    const { program, errors } = parseSync(file, text);
    if (errors.length > 0) throw new SyntaxError(`${file}: ${errors[0]?.message ?? ''}`);
    return { file, program, changed: changedNames(program) };
  });
  /** @type {Map<string, Set<string>>} */
  const elsewhere = new Map();
  for (const { file, program, changed } of programs) {
    for (const { specifier, name } of changedImports(program, changed.anywhere)) {
      const target = posix.join(posix.dirname(file), specifier);
      elsewhere.set(target, (elsewhere.get(target) ?? new Set()).add(name));
    }
  }
  return Object.fromEntries(
    programs.map(({ file, program, changed }) => [
      file,
      stateOf(program, changed.inFunctions, elsewhere.get(file) ?? new Set()),
    ]),
  );
}

const { files } = JSON.parse(await readText(process.stdin));
process.stdout.write(JSON.stringify(stateOfModules(files)));
