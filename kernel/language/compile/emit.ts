import type { Expression } from 'oxc-parser';
import type { Edits } from './edits.ts';
import type { NameUse, Site } from './sites.ts';
import { anonymousFunction } from './nodes.ts';

/** Names that generated code uses for itself; none of them occurs in the source. */
export class InternalNames {
  /** The context object: the one parameter of the generated function. */
  readonly context: string;
  private count = 0;

  constructor(source: string) {
    let base = '$$';
    while (source.includes(base)) base += '$';
    this.context = base;
  }

  /** Holds the value of an await, a postfix update and a destructuring assignment while something else is done. */
  get awaited(): string {
    return `${this.context}a`;
  }
  get updated(): string {
    return `${this.context}u`;
  }
  get assigned(): string {
    return `${this.context}p`;
  }
  /** A `var` whose value nobody reads. */
  get nothing(): string {
    return `${this.context}_`;
  }
  box(key: string): string {
    return `${this.context}${key}`;
  }
  fresh(): string {
    return `${this.context}${this.count++}`;
  }
}

/** How code gets at a name that is not declared below the top level. */
export type Access =
  /** As it stands: a local of the generated function, or a global. */
  | { mode: 'plain' }
  /** Top-level code has a local copy and writes to both; functions, and code before the declaration, use the box. */
  | { mode: 'through'; text: string; writes: Writes; isEarly(use: NameUse): boolean }
  /** Everything goes to the box. */
  | { mode: 'box'; text: string; writes: Writes }
  /** Another expression; assignments to it fail as those to constants do. `inner` is what functions use. */
  | { mode: 'expression'; text: string; inner?: string; isMember: boolean }
  /** Declared by a later cell, perhaps. */
  | { mode: 'lookup' };

/**
 * What an assignment does. `both`: it writes the local copy and the box. `asked`: the name is a constant as far as the
 * compiler knows; whether it still is one is asked when the assignment runs. `own`: the same, but top-level code has a
 * local constant. `merged`: the same for a lowered enum or namespace, whose `name || (name = {})` declares it.
 */
export type Writes = 'both' | 'asked' | 'own' | 'merged';

export interface EmitOptions {
  names: InternalNames;
  access(use: NameUse): Access;
  /** Whether awaits go through the context. */
  wrapsAwaits: boolean;
  /** Assignments that bring local copies up to date after an await of the top level that stands at an offset. */
  refresh(at: number): readonly string[];
  /** Whether an assignment to the name declares it here. */
  introduces?(use: NameUse): boolean;
}

const PLAIN: Access = { mode: 'plain' };

/** What remains of an access where it stands: through its box or as it is. */
function textOf(access: Access, use: NameUse): string | undefined {
  switch (access.mode) {
    case 'plain':
    case 'lookup':
      return undefined;
    case 'expression':
      return use.inFunction ? (access.inner ?? access.text) : access.text;
    case 'through':
      return use.inFunction || access.isEarly(use) ? access.text : undefined;
    default:
      return access.text;
  }
}

/** Whether top-level code uses a local copy here. */
function isLocal(access: Access, use: NameUse): access is Access & { mode: 'through' } {
  return access.mode === 'through' && textOf(access, use) === undefined;
}

/** Whether an assignment is done by the name, so that what the name is when it runs decides. */
function isAsked(access: Access, use: NameUse): boolean {
  if (access.mode === 'lookup') return true;
  if (access.mode !== 'through' && access.mode !== 'box') return false;
  if (access.writes === 'both') return false;
  return access.writes !== 'own' || !isLocal(access, use);
}

function isMember(access: Access): boolean {
  return access.mode !== 'expression' || access.isMember;
}

/** Rewrites the places that cells and modules have in common. Returns false for the other kinds. */
export function emitCommon(site: Site, edits: Edits, options: EmitOptions): boolean {
  const { names } = options;
  const { context } = names;
  const lookup = (name: string): string => `${context}.lookup(${JSON.stringify(name)},()=>${name})`;
  /** What the name is now, for an assignment that needs it. */
  const current = (access: Access, use: NameUse): string =>
    access.mode === 'lookup' ? lookup(use.name) : (textOf(access, use) ?? use.name);
  /** The assignment to a global that no cell has declared. */
  const fallback = (access: Access, name: string, value: string): string =>
    access.mode === 'lookup' ? `,${value}=>{${name}=${value}}` : '';
  switch (site.kind) {
    case 'read': {
      const { use, shape } = site;
      const access = options.access(use);
      if (access.mode === 'lookup') {
        const { name } = use;
        const text =
          shape === 'typeof'
            ? `${context}.lookup(${JSON.stringify(name)},()=>typeof ${name}==="undefined"?undefined:${name})`
            : shape === 'shorthand'
              ? `${name}:${lookup(name)}`
              : `(${lookup(name)})`;
        if (shape === 'callee') edits.replaceCallee(use.start, use.end, text);
        else edits.replace(use.start, use.end, text);
        return true;
      }
      const text = textOf(access, use);
      if (text === undefined) return true;
      const replaced =
        shape === 'shorthand'
          ? `${use.name}:${text}`
          : shape === 'callee' && isMember(access)
            ? `(0,${text})`
            : text;
      if (shape === 'callee') edits.replaceCallee(use.start, use.end, replaced);
      else edits.replace(use.start, use.end, replaced);
      return true;
    }
    case 'assign': {
      const { use, node } = site;
      const access = options.access(use);
      const { start, right, operator } = node;
      const isAnonymous = anonymousFunction(right) !== undefined;
      if (options.introduces?.(use) === true) {
        const local = access.mode === 'through' ? `${use.name}=` : '';
        edits.replace(start, right.start, `${local}${context}.introduce(${JSON.stringify(use.name)},`);
        edits.after(node.end, ')');
        if (isAnonymous) nameIt(edits, use.name, right);
        return true;
      }
      if (isLocal(access, use) && access.writes === 'merged' && isEmptyObject(right)) {
        edits.before(node.start, `${context}.declare(${JSON.stringify(use.name)},`);
        edits.after(node.end, ')');
        return true;
      }
      if (isAsked(access, use)) {
        const { name } = use;
        const assign = `${context}.assign(${JSON.stringify(name)},`;
        const isLogical = operator === '||=' || operator === '&&=' || operator === '??=';
        const now = current(access, use);
        if (operator === '=') edits.replace(start, right.start, assign);
        else if (isLogical) edits.replace(start, right.start, `(${now}${operator.slice(0, -1)}${assign}`);
        else edits.replace(start, right.start, `${assign}${now}${operator.slice(0, -1)}(`);
        edits.after(
          node.end,
          `${operator === '=' || isLogical ? '' : ')'}${fallback(access, name, '$v')})${isLogical ? ')' : ''}`,
        );
        if (isAnonymous) nameIt(edits, name, right);
        return true;
      }
      if (isLocal(access, use)) {
        if (access.writes === 'both') edits.before(node.start, `${access.text}=`);
        return true;
      }
      const text = textOf(access, use);
      if (text === undefined) return true;
      edits.replace(use.start, use.end, text);
      if (isAnonymous) nameIt(edits, use.name, right);
      return true;
    }
    case 'update': {
      const { use, node, used } = site;
      const access = options.access(use);
      const { name } = use;
      if (isAsked(access, use)) {
        const kept = names.updated;
        const read = `${kept}=${current(access, use)}`;
        const assign = `${context}.assign(${JSON.stringify(name)},${kept}${fallback(access, name, '$v')})`;
        const text =
          node.prefix || !used
            ? `(${read},${node.operator}${kept},${assign})`
            : `(${read},${names.assigned}=${kept}${node.operator},${assign},${names.assigned})`;
        edits.replace(node.start, node.end, text);
        return true;
      }
      if (isLocal(access, use)) {
        // A constant: the update itself throws.
        if (access.writes !== 'both') return true;
        const { text } = access;
        if (!used) edits.replace(node.start, node.end, `${text}=${node.operator}${name}`);
        else if (node.prefix) edits.replace(node.start, node.end, `(${text}=${node.operator}${name})`);
        else {
          const kept = names.updated;
          edits.replace(node.start, node.end, `(${kept}=${name}${node.operator},${text}=${name},${kept})`);
        }
        return true;
      }
      const text = textOf(access, use);
      if (text !== undefined) edits.replace(use.start, use.end, text);
      return true;
    }
    case 'target': {
      const { use, shorthand, anonymousDefault } = site;
      const access = options.access(use);
      const introduces = options.introduces?.(use) === true;
      if (introduces && access.mode === 'through') return true;
      const text = introduces
        ? `({set v($v){${context}.introduce(${JSON.stringify(use.name)},$v)}}).v`
        : isAsked(access, use)
          ? `({set v($v){${context}.assign(${JSON.stringify(use.name)},$v${fallback(access, use.name, '$w')})}}).v`
          : textOf(access, use);
      if (text === undefined) return true;
      edits.replace(use.start, use.end, shorthand ? `${use.name}:${text}` : text);
      if (anonymousDefault) nameIt(edits, use.name, anonymousDefault);
      return true;
    }
    case 'pattern': {
      const { node, used, inFunction } = site;
      if (inFunction) return true;
      const copies = copiesOf(site.targets, options);
      if (copies.length === 0) return true;
      if (used) {
        edits.before(node.start, `(${names.assigned}=`);
        edits.after(node.end, `,${copies.join(',')},${names.assigned})`);
      } else edits.after(node.end, `,${copies.join(',')}`);
      return true;
    }
    case 'loop': {
      const { node, inFunction } = site;
      const isAwait = node.type === 'ForOfStatement' && node.await && options.wrapsAwaits;
      if (isAwait) {
        edits.before(node.right.start, `${context}.iterate(`);
        edits.after(node.right.end, ')');
      }
      if (inFunction) return true;
      const copies = site.declared ? [] : copiesOf(site.targets, options);
      if (isAwait) copies.push(...options.refresh(node.body.start));
      atStartOfBody(edits, node.body, copies);
      return true;
    }
    case 'await': {
      if (!options.wrapsAwaits) return true;
      const { node, used, inFunction } = site;
      const refresh = inFunction ? [] : options.refresh(node.start);
      const refreshes = refresh.length > 0;
      if (refreshes && used) edits.before(node.start, `(${names.awaited}=`);
      edits.before(node.argument.start, `${context}.await(`);
      if (refreshes) edits.after(node.end, `,${refresh.join(',')}${used ? `,${names.awaited})` : ''}`);
      edits.after(node.argument.end, ')');
      return true;
    }
    case 'dynamic-import': {
      const { node } = site;
      edits.replace(node.start, node.source.start, `${context}.import(`);
      if (node.options) {
        edits.before(node.options.start, '(');
        edits.after(node.options.end, ')?.with');
      }
      return true;
    }
    case 'meta':
      edits.replace(site.node.start, site.node.end, `${context}.meta`);
      return true;
    case 'this':
      edits.replace(site.node.start, site.node.end, 'undefined');
      return true;
    default:
      return false;
  }
}

export function atStartOfBody(
  edits: Edits,
  body: { type: string; start: number; end: number },
  statements: readonly string[],
): void {
  if (statements.length === 0) return;
  const text = `${statements.join(';')};`;
  if (body.type === 'BlockStatement') edits.before(body.start + 1, text);
  else {
    edits.before(body.start, `{${text}`);
    edits.after(body.end, '}');
  }
}

function isEmptyObject(node: Expression): boolean {
  return node.type === 'ObjectExpression' && node.properties.length === 0;
}

/** A function takes its name from a variable that it is assigned to, but not from a property of a box. */
function nameIt(edits: Edits, name: string, expression: { start: number; end: number }): void {
  edits.before(expression.start, `{${name}:`);
  edits.after(expression.end, `}.${name}`);
}

function copiesOf(targets: readonly NameUse[], options: EmitOptions): string[] {
  const copies: string[] = [];
  for (const use of targets) {
    const access = options.access(use);
    if (options.introduces?.(use) === true) {
      if (access.mode === 'through')
        copies.push(
          `${use.name}=${options.names.context}.introduce(${JSON.stringify(use.name)},${use.name})`,
        );
    } else if (isLocal(access, use) && access.writes === 'both') copies.push(`${access.text}=${use.name}`);
  }
  return copies;
}

export { PLAIN };
