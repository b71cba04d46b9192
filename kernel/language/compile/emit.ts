import type { AssignmentExpression, Expression } from 'oxc-parser';
import { isAsked, isLocal, isMember, textOf } from './access.ts';
import type { Access } from './access.ts';
import type { Edits } from './edits.ts';
import type { InternalNames } from './internal-names.ts';
import type { NameUse, ReadShape, SiteOf, Site } from './sites.ts';
import { anonymousFunction } from './nodes.ts';

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

/** Rewrites the places that cells and modules have in common. */
export class SiteEmitter {
  readonly #edits: Edits;
  readonly #options: EmitOptions;
  readonly #names: InternalNames;
  readonly #context: string;

  constructor(edits: Edits, options: EmitOptions) {
    this.#edits = edits;
    this.#options = options;
    this.#names = options.names;
    this.#context = options.names.context;
  }

  /** Leaves the kinds alone that cells or modules rewrite themselves. */
  emit(site: Site): void {
    const edits = this.#edits;
    switch (site.kind) {
      case 'read':
        this.#read(site);
        return;
      case 'assign':
        this.#assign(site);
        return;
      case 'update':
        this.#update(site);
        return;
      case 'target':
        this.#target(site);
        return;
      case 'pattern':
        this.#pattern(site);
        return;
      case 'loop':
        this.#loop(site);
        return;
      case 'await':
        this.#await(site);
        return;
      case 'dynamic-import': {
        const { node } = site;
        edits.replace(node.start, node.source.start, `${this.#context}.import(`);
        if (node.options) {
          edits.before(node.options.start, '(');
          edits.after(node.options.end, ')?.with');
        }
        return;
      }
      case 'meta':
        edits.replace(site.node.start, site.node.end, `${this.#context}.meta`);
        return;
      case 'this':
        edits.replace(site.node.start, site.node.end, 'undefined');
        return;
      default:
    }
  }

  #lookup(name: string): string {
    return `${this.#context}.lookup(${JSON.stringify(name)},()=>${name})`;
  }

  /** The present value of the name, for an assignment that needs it. */
  #current(access: Access, use: NameUse): string {
    return access.mode === 'lookup' ? this.#lookup(use.name) : (textOf(access, use) ?? use.name);
  }

  #read({ use, shape }: SiteOf<'read'>): void {
    const access = this.#options.access(use);
    const text = access.mode === 'lookup' ? this.#lookedUp(use.name, shape) : readText(access, use, shape);
    if (text === undefined) return;
    if (shape === 'callee') this.#edits.replaceCallee(use.start, use.end, text);
    else this.#edits.replace(use.start, use.end, text);
  }

  /** Reads a name that a later cell may declare. */
  #lookedUp(name: string, shape: ReadShape): string {
    switch (shape) {
      case 'typeof':
        return `${this.#context}.lookup(${JSON.stringify(name)},()=>typeof ${name}==="undefined"?undefined:${name})`;
      case 'shorthand':
        return `${name}:${this.#lookup(name)}`;
      default:
        return `(${this.#lookup(name)})`;
    }
  }

  #assign({ use, node }: SiteOf<'assign'>): void {
    const edits = this.#edits;
    const { start, end, right } = node;
    const { name } = use;
    const access = this.#options.access(use);
    const isAnonymous = anonymousFunction(right) !== undefined;
    if (this.#options.introduces?.(use) === true) {
      const local = access.mode === 'through' ? `${name}=` : '';
      edits.replace(start, right.start, `${local}${this.#context}.introduce(${JSON.stringify(name)},`);
      edits.after(end, ')');
      if (isAnonymous) nameIt(edits, name, right);
      return;
    }
    if (isLocal(access, use) && access.writes === 'merged' && isEmptyObject(right)) {
      edits.before(start, `${this.#context}.declare(${JSON.stringify(name)},`);
      edits.after(end, ')');
      return;
    }
    if (isAsked(access, use)) {
      this.#assignByName(use, access, node);
      if (isAnonymous) nameIt(edits, name, right);
      return;
    }
    if (isLocal(access, use)) {
      if (access.writes === 'both') edits.before(start, `${access.text}=`);
      return;
    }
    const text = textOf(access, use);
    if (text === undefined) return;
    edits.replace(use.start, use.end, text);
    if (isAnonymous) nameIt(edits, name, right);
  }

  /** The context assigns: what the name is at that moment decides. */
  #assignByName(use: NameUse, access: Access, { start, end, right, operator }: AssignmentExpression): void {
    const edits = this.#edits;
    const assign = `${this.#context}.assign(${JSON.stringify(use.name)},`;
    const isLogical = operator === '||=' || operator === '&&=' || operator === '??=';
    const now = this.#current(access, use);
    if (operator === '=') edits.replace(start, right.start, assign);
    else if (isLogical) edits.replace(start, right.start, `(${now}${operator.slice(0, -1)}${assign}`);
    else edits.replace(start, right.start, `${assign}${now}${operator.slice(0, -1)}(`);
    const isPlain = operator === '=' || isLogical;
    edits.after(end, `${isPlain ? '' : ')'}${fallback(access, use.name, '$v')})${isLogical ? ')' : ''}`);
  }

  #update({ use, node, used }: SiteOf<'update'>): void {
    const edits = this.#edits;
    const { start, end, prefix, operator } = node;
    const { name } = use;
    const access = this.#options.access(use);
    const { updated: kept, assigned } = this.#names;
    if (isAsked(access, use)) {
      const read = `${kept}=${this.#current(access, use)}`;
      const assign = `${this.#context}.assign(${JSON.stringify(name)},${kept}${fallback(access, name, '$v')})`;
      const text =
        prefix || !used
          ? `(${read},${operator}${kept},${assign})`
          : `(${read},${assigned}=${kept}${operator},${assign},${assigned})`;
      edits.replace(start, end, text);
      return;
    }
    if (isLocal(access, use)) {
      // A constant: the update itself throws.
      if (access.writes !== 'both') return;
      const { text } = access;
      if (!used) edits.replace(start, end, `${text}=${operator}${name}`);
      else if (prefix) edits.replace(start, end, `(${text}=${operator}${name})`);
      else edits.replace(start, end, `(${kept}=${name}${operator},${text}=${name},${kept})`);
      return;
    }
    const text = textOf(access, use);
    if (text !== undefined) edits.replace(use.start, use.end, text);
  }

  #target({ use, shorthand, anonymousDefault }: SiteOf<'target'>): void {
    const access = this.#options.access(use);
    const introduces = this.#options.introduces?.(use) === true;
    if (introduces && access.mode === 'through') return;
    const name = JSON.stringify(use.name);
    const text = introduces
      ? `({set v($v){${this.#context}.introduce(${name},$v)}}).v`
      : isAsked(access, use)
        ? `({set v($v){${this.#context}.assign(${name},$v${fallback(access, use.name, '$w')})}}).v`
        : textOf(access, use);
    if (text === undefined) return;
    this.#edits.replace(use.start, use.end, shorthand ? `${use.name}:${text}` : text);
    if (anonymousDefault) nameIt(this.#edits, use.name, anonymousDefault);
  }

  #pattern({ node, used, inFunction, targets }: SiteOf<'pattern'>): void {
    if (inFunction) return;
    const copies = this.#copiesOf(targets);
    if (copies.length === 0) return;
    const { assigned } = this.#names;
    if (used) {
      this.#edits.before(node.start, `(${assigned}=`);
      this.#edits.after(node.end, `,${copies.join(',')},${assigned})`);
    } else this.#edits.after(node.end, `,${copies.join(',')}`);
  }

  #loop({ node, inFunction, declared, targets }: SiteOf<'loop'>): void {
    const edits = this.#edits;
    const isAwait = node.type === 'ForOfStatement' && node.await && this.#options.wrapsAwaits;
    if (isAwait) {
      edits.before(node.right.start, `${this.#context}.iterate(`);
      edits.after(node.right.end, ')');
    }
    if (inFunction) return;
    const copies = declared ? [] : this.#copiesOf(targets);
    if (isAwait) copies.push(...this.#options.refresh(node.body.start));
    atStartOfBody(edits, node.body, copies);
  }

  #await({ node, used, inFunction }: SiteOf<'await'>): void {
    if (!this.#options.wrapsAwaits) return;
    const edits = this.#edits;
    const { awaited } = this.#names;
    const refresh = inFunction ? [] : this.#options.refresh(node.start);
    const refreshes = refresh.length > 0;
    if (refreshes && used) edits.before(node.start, `(${awaited}=`);
    edits.before(node.argument.start, `${this.#context}.await(`);
    if (refreshes) edits.after(node.end, `,${refresh.join(',')}${used ? `,${awaited})` : ''}`);
    edits.after(node.argument.end, ')');
  }

  /** Assignments of what a pattern assigned to local copies, to the boxes. */
  #copiesOf(targets: readonly NameUse[]): string[] {
    const copies: string[] = [];
    for (const use of targets) {
      const access = this.#options.access(use);
      if (this.#options.introduces?.(use) === true) {
        if (access.mode === 'through')
          copies.push(`${use.name}=${this.#context}.introduce(${JSON.stringify(use.name)},${use.name})`);
      } else if (isLocal(access, use) && access.writes === 'both') copies.push(`${access.text}=${use.name}`);
    }
    return copies;
  }
}

/** Undefined: the name stays as it is. */
function readText(access: Access, use: NameUse, shape: ReadShape): string | undefined {
  const text = textOf(access, use);
  if (text === undefined) return undefined;
  if (shape === 'shorthand') return `${use.name}:${text}`;
  return shape === 'callee' && isMember(access) ? `(0,${text})` : text;
}

/** The assignment to a global that no cell has declared. */
function fallback(access: Access, name: string, value: string): string {
  return access.mode === 'lookup' ? `,${value}=>{${name}=${value}}` : '';
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
