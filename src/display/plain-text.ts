import { inspect, types } from 'node:util';
import { calmProperty, isCalm, proxyText } from './calm.ts';
import { keyText, layout, leaf, type Piece } from './text-layout.ts';
import {
  className,
  dataProperty,
  endOfHole,
  isBuffer,
  isExtraKey,
  isLeaf,
  LONGEST_SCAN,
  toStringTag,
} from './value-parts.ts';

/**
 * How much of a value its text form shows. The text always notes omitted parts, with the option that shows it:
 * `display(value, { items: 1000 })`.
 */
export interface TextLimits {
  /** Levels of nested objects. Default 4. */
  depth: number;
  /** Elements of one array, set or map, and properties of one object. Default 100. */
  items: number;
  /** Characters of one string. Default 10,000. */
  characters: number;
  /** Objects visited in all; keeps huge graphs within 50 ms. Default 1,000. */
  objects: number;
}

const defaultLimits: TextLimits = { depth: 4, items: 100, characters: 10_000, objects: 1000 };

/** Made when it is needed: the data of a locale takes 20 ms to load, at the start of every kernel. */
let numbers: Intl.NumberFormat | undefined;

/** `12345` -> `12,345`. */
export function grouped(count: number): string {
  numbers ??= new Intl.NumberFormat('en-US');
  return numbers.format(count);
}

/**
 * The text form of any value, without colours. Never runs a getter of the value or of a proxy; a custom
 * `Symbol.for('nodejs.util.inspect.custom')` method is honoured, and a throwing one reported in the text. Never throws.
 */
export function plainText(value: unknown, limits: Partial<TextLimits> = {}): string {
  const writer = new Writer({ ...defaultLimits, ...limits });
  let text: string;
  try {
    text = writer.format(value, 0).text;
  } catch (error) {
    text = `[value that cannot be shown: ${thrownText(error)}]`;
  }
  return writer.cut.size === 0 ? text : `${text}\n(cut: ${writer.hint()})`;
}

function thrownText(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'its error cannot be shown either';
  }
}

type Descriptor = PropertyDescriptor;

class Writer {
  readonly cut = new Set<keyof TextLimits>();
  private readonly limits: TextLimits;
  private readonly stack: object[] = [];
  private readonly circular = new Map<object, number>();
  private objects = 0;

  constructor(limits: TextLimits) {
    this.limits = limits;
  }

  hint(): string {
    const options = [...this.cut].map((name) => {
      const bigger = name === 'depth' ? this.limits.depth * 2 + 2 : Math.max(1000, this.limits[name] * 10);
      return `${name}: ${String(bigger)}`;
    });
    return `display(value, { ${options.join(', ')} }) shows more`;
  }

  format(value: unknown, depth: number): Piece {
    if (typeof value === 'string') return leaf(this.string(value));
    if (value === null || (typeof value !== 'object' && typeof value !== 'function'))
      return leaf(inspect(value));
    const at = this.stack.indexOf(value);
    if (at !== -1) {
      const index = this.circular.get(value) ?? this.circular.size + 1;
      this.circular.set(value, index);
      return leaf(`[Circular *${index}]`);
    }
    this.objects += 1;
    if (this.objects > this.limits.objects) {
      this.cut.add('objects');
      return leaf(types.isProxy(value) ? '[…]' : `[${className(value) ?? 'Object'} …]`);
    }
    this.stack.push(value);
    try {
      const piece = this.object(value, depth);
      const index = this.circular.get(value);
      return index === undefined ? piece : { ...piece, text: `<ref *${index}> ${piece.text}` };
    } finally {
      this.stack.pop();
    }
  }

  private string(value: string): string {
    const { characters } = this.limits;
    if (value.length <= characters) return inspect(value, { maxStringLength: Infinity });
    this.cut.add('characters');
    const left = value.length - characters;
    return `${inspect(value.slice(0, characters))}… ${grouped(left)} more character${left === 1 ? '' : 's'}`;
  }

  private object(value: object, depth: number): Piece {
    // Node reads a proxy's target without its traps; we cannot.
    if (types.isProxy(value)) return leaf(this.native(value, Math.min(2, this.limits.depth - depth)));
    const custom = this.custom(value, depth);
    if (custom?.ok) return custom.piece;
    const piece = this.structure(value, depth);
    return custom ? { ...piece, text: `${piece.text} ${custom.note}` } : piece;
  }

  /** The text of the value's own inspect method, if it has one. */
  private custom(
    value: object,
    depth: number,
  ): { ok: true; piece: Piece } | { ok: false; note: string } | undefined {
    const method = dataProperty(value, inspect.custom);
    if (typeof method !== 'function' || method === inspect) return undefined;
    try {
      const options = {
        ...inspect.defaultOptions,
        colors: false,
        depth: this.limits.depth - depth,
        maxArrayLength: this.limits.items,
        maxStringLength: this.limits.characters,
        stylize: (text: unknown) => String(text),
      };
      const result: unknown = Reflect.apply(method, value, [options.depth, options, inspect]);
      if (result === value) return undefined;
      return { ok: true, piece: typeof result === 'string' ? leaf(result) : this.format(result, depth) };
    } catch (error) {
      return { ok: false, note: `[its custom inspect threw: ${thrownText(error)}]` };
    }
  }

  private structure(value: object, depth: number): Piece {
    if (Array.isArray(value)) return this.array(value, depth);
    if (types.isTypedArray(value) && !isBuffer(value)) return leaf(this.typedArray(value));
    if (types.isMap(value)) return this.map(value, depth);
    if (types.isSet(value)) return this.set(value, depth);
    if (types.isNativeError(value)) return this.error(value, depth);
    if (types.isPromise(value)) return leaf(withoutSymbols(this.native(value, 1)));
    if (isLeaf(value)) return leaf(this.native(value, 0));
    return this.record(value, depth);
  }

  /** Node's own form, for kinds that need V8's help: functions, dates, promises, weak maps, modules, proxies. */
  private native(value: object, depth: number): string {
    if (!isCalm(value)) return this.withoutReading(value);
    const options = {
      depth,
      colors: false,
      getters: false,
      maxArrayLength: Math.min(this.limits.items, 100),
      maxStringLength: this.limits.characters,
    };
    try {
      return inspect(value, options);
    } catch (error) {
      try {
        return inspect(value, { ...options, customInspect: false });
      } catch {
        return `[value that cannot be shown: ${thrownText(error)}]`;
      }
    }
  }

  /** The text of a value for which Node's form would run code, made without running any. */
  private withoutReading(value: object): string {
    if (types.isProxy(value)) return proxyText(value);
    const name = className(value) ?? 'Object';
    if (types.isNativeError(value)) {
      const stack = calmProperty(value, 'stack');
      const message = calmProperty(value, 'message');
      const cause = calmProperty(value, 'cause');
      const below = types.isProxy(cause) ? `\n  [cause]: ${this.native(cause as object, 0)}` : '';
      if (typeof stack === 'string') return stack + below;
      return (typeof message === 'string' ? `${name}: ${message}` : `[${name}]`) + below;
    }
    if (typeof value !== 'function') return `[${name}]`;
    const own = calmProperty(value, 'name');
    return typeof own === 'string' && own !== '' ? `[Function: ${own}]` : '[Function]';
  }

  /** With cause chain and own properties, which Node formats well; bounded by depth rather than by budget. */
  private error(value: Error, depth: number): Piece {
    return leaf(this.native(value, Math.max(0, Math.min(2, this.limits.depth - depth))));
  }

  private array(value: readonly unknown[], depth: number): Piece {
    const name = className(value);
    const prefix = name === 'Array' ? '' : `${name ?? '[Array: null prototype]'}(${value.length}) `;
    if (depth > this.limits.depth) return this.tooDeep(prefix === '' ? 'Array' : (name ?? 'Array'));
    const entries: Piece[] = [];
    let index = 0;
    while (index < value.length && entries.length < this.limits.items) {
      const own = Object.getOwnPropertyDescriptor(value, index);
      if (own === undefined) {
        const end = endOfHole(value, index);
        const count = end - index;
        entries.push(leaf(`<${grouped(count)} empty item${count === 1 ? '' : 's'}>`));
        index = end;
        // Elements after a hole that is too long to scan are not shown.
        if (count >= LONGEST_SCAN && index < value.length && !Object.hasOwn(value, index)) break;
      } else {
        entries.push(this.property(own, depth));
        index += 1;
      }
    }
    this.more(entries, value.length - index, 'item');
    if (value.length < 10_000) this.properties(value, depth, entries, isExtraKey);
    return layout(entries, `${prefix}[`, ']', true);
  }

  private typedArray(value: NodeJS.TypedArray): string {
    const name = className(value) ?? 'TypedArray';
    const entries = Array.from({ length: Math.min(value.length, this.limits.items) }, (_, i) =>
      leaf(inspect(value[i])),
    );
    this.more(entries, value.length - entries.length, 'item');
    return layout(entries, `${name}(${value.length}) [`, ']', true).text;
  }

  private map(value: ReadonlyMap<unknown, unknown>, depth: number): Piece {
    const name = className(value) ?? 'Map';
    const size: number = Reflect.get(Map.prototype, 'size', value);
    if (depth > this.limits.depth) return this.tooDeep(name);
    const entries: Piece[] = [];
    for (const [key, item] of Map.prototype.entries.call(value)) {
      if (entries.length >= this.limits.items) break;
      const left = this.format(key, depth + 1);
      const right = this.format(item, depth + 1);
      entries.push({ text: `${left.text} => ${right.text}`, levels: Math.max(left.levels, right.levels) });
    }
    this.more(entries, size - entries.length, 'item');
    this.properties(value, depth, entries);
    return layout(entries, `${name}(${size}) {`, '}');
  }

  private set(value: ReadonlySet<unknown>, depth: number): Piece {
    const name = className(value) ?? 'Set';
    const size: number = Reflect.get(Set.prototype, 'size', value);
    if (depth > this.limits.depth) return this.tooDeep(name);
    const entries: Piece[] = [];
    for (const item of Set.prototype.values.call(value)) {
      if (entries.length >= this.limits.items) break;
      entries.push(this.format(item, depth + 1));
    }
    this.more(entries, size - entries.length, 'item');
    this.properties(value, depth, entries);
    return layout(entries, `${name}(${size}) {`, '}');
  }

  private record(value: object, depth: number): Piece {
    const name = className(value);
    const tag = toStringTag(value);
    const shown = name ?? '[Object: null prototype]';
    const labels = [shown === 'Object' ? '' : shown, tag === undefined || tag === name ? '' : `[${tag}]`];
    if (depth > this.limits.depth) return this.tooDeep(name ?? 'Object: null prototype');
    const entries: Piece[] = [];
    this.properties(value, depth, entries);
    const prefix = labels.filter((label) => label !== '').join(' ');
    return layout(entries, prefix === '' ? '{' : `${prefix} {`, '}');
  }

  private properties(
    value: object,
    depth: number,
    entries: Piece[],
    wanted: (key: string) => boolean = () => true,
  ): void {
    const keys: (string | symbol)[] = Object.keys(value).filter((key) => wanted(key));
    for (const key of Object.getOwnPropertySymbols(value)) {
      if (Object.getOwnPropertyDescriptor(value, key)?.enumerable) keys.push(key);
    }
    for (const key of keys.slice(0, this.limits.items)) {
      const own = Object.getOwnPropertyDescriptor(value, key);
      if (own === undefined) continue;
      const piece = this.property(own, depth);
      entries.push({ ...piece, text: `${keyText(key)}: ${piece.text}` });
    }
    const left = keys.length - Math.min(keys.length, this.limits.items);
    this.more(entries, left, left === 1 ? 'property' : 'propertie');
  }

  private property(own: Descriptor, depth: number): Piece {
    if (own.get) return leaf(own.set ? '[Getter/Setter]' : '[Getter]');
    if (own.set) return leaf('[Setter]');
    return this.format(own.value, depth + 1);
  }

  private tooDeep(name: string): Piece {
    this.cut.add('depth');
    return leaf(`[${name}]`);
  }

  private more(entries: Piece[], left: number, noun: string): void {
    if (left <= 0) return;
    this.cut.add('items');
    entries.push(leaf(`… ${grouped(left)} more ${noun}${left === 1 ? '' : 's'}`));
  }
}

/** Promises carry symbols of async hooks, and of the notebook's own bookkeeping. */
function withoutSymbols(text: string): string {
  const lines = text.replaceAll(/,\n {2}\[Symbol\([^)]*\)\]: [^\n,]*/g, '');
  return lines.split('\n').length === 3 ? lines.replace(/\n {2}(.*)\n/, ' $1 ') : lines;
}
