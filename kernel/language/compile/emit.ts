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
  /** Top-level code has a local copy and writes to both; functions use the box. */
  | { mode: 'through'; text: string }
  /** Everything goes to `text`, but for top-level code within `local`, where the box does not exist yet. */
  | { mode: 'box'; text: string; local?: { start: number; end: number } }
  /** Another expression; assignments to it fail as those to constants do. */
  | { mode: 'expression'; text: string; isMember: boolean }
  /** Declared by a later cell, perhaps. */
  | { mode: 'lookup' };

export interface EmitOptions {
  names: InternalNames;
  access(use: NameUse): Access;
  /** Whether awaits go through the context. */
  wrapsAwaits: boolean;
  /** Assignments that bring local copies up to date after an await at the top level. */
  refresh: readonly string[];
}

const PLAIN: Access = { mode: 'plain' };

/** What remains of an access where it stands: through its box or as it is. */
function textOf(access: Access, use: NameUse): string | undefined {
  switch (access.mode) {
    case 'plain':
    case 'lookup':
      return undefined;
    case 'expression':
      return access.text;
    case 'through':
      return use.inFunction ? access.text : undefined;
    default: {
      const { local } = access;
      const early =
        local !== undefined && !use.inFunction && use.start >= local.start && use.end <= local.end;
      return early ? undefined : access.text;
    }
  }
}

function isMember(access: Access): boolean {
  return access.mode !== 'expression' || access.isMember;
}

/** Rewrites the places that cells and modules have in common. Returns false for the other kinds. */
export function emitCommon(site: Site, edits: Edits, options: EmitOptions): boolean {
  const { names, refresh } = options;
  const { context } = names;
  const lookup = (name: string): string => `${context}.lookup(${JSON.stringify(name)},()=>${name})`;
  const setter = (name: string): string => `$v=>{${name}=$v}`;
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
      const { left, right, operator } = node;
      const isAnonymous = anonymousFunction(right) !== undefined;
      if (access.mode === 'lookup') {
        const { name } = use;
        const assign = `${context}.assign(${JSON.stringify(name)},`;
        if (operator === '=') edits.replace(left.start, right.start, assign);
        else if (operator === '||=' || operator === '&&=' || operator === '??=')
          edits.replace(left.start, right.start, `(${lookup(name)}${operator.slice(0, -1)}${assign}`);
        else edits.replace(left.start, right.start, `${assign}${lookup(name)}${operator.slice(0, -1)}(`);
        const isLogical = operator === '||=' || operator === '&&=' || operator === '??=';
        edits.after(
          node.end,
          `${operator === '=' || isLogical ? '' : ')'},${setter(name)})${isLogical ? ')' : ''}`,
        );
        if (isAnonymous) nameIt(edits, name, right);
        return true;
      }
      if (access.mode === 'through' && !use.inFunction) {
        edits.before(node.start, `${access.text}=`);
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
      if (access.mode === 'lookup') {
        const kept = names.updated;
        const read = `${kept}=${lookup(name)}`;
        const assign = `${context}.assign(${JSON.stringify(name)},${kept},${setter(name)})`;
        const text =
          node.prefix || !used
            ? `(${read},${node.operator}${kept},${assign})`
            : `(${read},${names.assigned}=${kept}${node.operator},${assign},${names.assigned})`;
        edits.replace(node.start, node.end, text);
        return true;
      }
      if (access.mode === 'through' && !use.inFunction) {
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
      const text =
        access.mode === 'lookup'
          ? `({set v($v){${context}.assign(${JSON.stringify(use.name)},$v,${setter(use.name).replaceAll('$v', '$w')})}}).v`
          : access.mode === 'through'
            ? undefined
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
      if (isAwait) copies.push(...refresh);
      atStartOfBody(edits, node.body, copies);
      return true;
    }
    case 'await': {
      if (!options.wrapsAwaits) return true;
      const { node, used, inFunction } = site;
      const refreshes = !inFunction && refresh.length > 0;
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

/** A function takes its name from a variable that it is assigned to, but not from a property of a box. */
function nameIt(edits: Edits, name: string, expression: { start: number; end: number }): void {
  edits.before(expression.start, `{${name}:`);
  edits.after(expression.end, `}.${name}`);
}

function copiesOf(targets: readonly NameUse[], options: EmitOptions): string[] {
  const copies: string[] = [];
  for (const use of targets) {
    const access = options.access(use);
    if (access.mode === 'through' && !use.inFunction) copies.push(`${access.text}=${use.name}`);
  }
  return copies;
}

export { PLAIN };
