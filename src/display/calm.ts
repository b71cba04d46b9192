import { inspect, types } from 'node:util';

/** So deep Node shows a value, and so many of its parts are looked at. */
const DEPTH = 4;
const PARTS = 100;
const OBJECTS = 2000;

const ALWAYS = [Symbol.toStringTag, inspect.custom, 'constructor'] as const;
const OF_ERRORS = ['name', 'message', 'stack', 'cause', 'errors'] as const;
const OF_COLLECTIONS = ['size', Symbol.iterator] as const;
const OF_FUNCTIONS = ['name', 'length'] as const;

/**
 * Whether Node's `inspect` shows a value without running code of it: it reads a few properties (tags, names, messages),
 * which may be getters, and looks along prototypes, which may be proxies. Runs none of that itself. Values that a
 * proxy hides cannot be seen; Node shows it without the proxy's traps.
 */
export function isCalm(value: unknown): boolean {
  return new Look().calm(value, 0);
}

class Look {
  private readonly seen = new Set<object>();

  calm(value: unknown, depth: number): boolean {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return true;
    if (types.isProxy(value)) return !hidesProxy(value);
    if (depth > DEPTH || this.seen.has(value) || this.seen.size >= OBJECTS) return true;
    this.seen.add(value);
    if (!readsNothing(value, [...ALWAYS, ...readOf(value)])) return false;
    // Node asks of a cause, and of several errors, whether they are errors.
    if (types.isNativeError(value) && ['cause', 'errors'].some((key) => types.isProxy(ownValue(value, key))))
      return false;
    if (ArrayBuffer.isView(value)) return true;
    return this.parts(value).every((part) => this.calm(part, depth + 1));
  }

  private parts(value: object): unknown[] {
    const parts: unknown[] = [];
    if (types.isMap(value)) {
      for (const entry of Map.prototype.entries.call(value)) {
        if (parts.length >= PARTS) break;
        parts.push(...entry);
      }
    } else if (types.isSet(value))
      for (const entry of Set.prototype.values.call(value)) {
        if (parts.length >= PARTS) break;
        parts.push(entry);
      }
    const keys: PropertyKey[] =
      Array.isArray(value) && value.length > PARTS
        ? Array.from({ length: PARTS }, (_, index) => String(index))
        : Reflect.ownKeys(value);
    for (const key of keys.slice(0, PARTS)) {
      const own = Object.getOwnPropertyDescriptor(value, key);
      if (own && 'value' in own) parts.push(own.value);
    }
    return parts;
  }
}

function ownValue(value: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(value, key)?.value as unknown;
}

function readOf(value: object): readonly PropertyKey[] {
  if (typeof value === 'function') return OF_FUNCTIONS;
  if (types.isNativeError(value)) return OF_ERRORS;
  return types.isMap(value) || types.isSet(value) ? OF_COLLECTIONS : [];
}

/** Whether no prototype is a proxy, and none of the properties a getter of a program. */
function readsNothing(value: object, keys: readonly PropertyKey[]): boolean {
  const open = new Set(keys);
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (types.isProxy(at)) return false;
    for (const key of open) {
      const own = Object.getOwnPropertyDescriptor(at, key);
      if (!own) continue;
      open.delete(key);
      if (own.get && !isNative(own)) return false;
      if (key === 'constructor' && hidesName(own.value)) return false;
    }
  }
  return true;
}

/** A class whose name, which Node reads, is a getter, or that is a proxy. */
function hidesName(constructor: unknown): boolean {
  if (typeof constructor !== 'function') return false;
  if (types.isProxy(constructor)) return true;
  const name = Object.getOwnPropertyDescriptor(constructor, 'name');
  return name?.get !== undefined && !isNative(name);
}

/** Node's own getters for the name and the message of an aborted request, a value that cannot be cloned, and the like. */
const OF_NODE = new Set(
  // eslint-disable-next-line typescript/unbound-method -- compared, not called
  Object.values(Object.getOwnPropertyDescriptors(DOMException.prototype)).flatMap(({ get }) => get ?? []),
);

/** V8's own getters, such as that of an error's stack or of a typed array's tag, and those of `DOMException`. */
function isNative(property: PropertyDescriptor): boolean {
  // eslint-disable-next-line typescript/unbound-method -- compared, not called
  if (property.get && OF_NODE.has(property.get)) return true;
  // eslint-disable-next-line typescript/unbound-method -- read, not called
  return /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(property.get));
}

/** A proxy of a proxy: Node looks through one of them. */
function hidesProxy(value: object): boolean {
  return proxyText(value).startsWith('Proxy [ Proxy');
}

/** A proxy with its target and its handler, in short: `Proxy [ Proxy [Array], {} ]`. Runs no trap. */
export function proxyText(value: object): string {
  const text = inspect(value, { showProxy: true, depth: 0, breakLength: Infinity, customInspect: false });
  return text.replace(/^Proxy \[\n?\s*/, 'Proxy [ ');
}

/**
 * The error's name and message, where reading them runs nothing but the getters of its class, by which an error says
 * what it is; without them what its class is called.
 */
export function calmProperty(value: object, key: PropertyKey): unknown {
  for (let at: object | null = value; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    if (types.isProxy(at)) return undefined;
    const own = Object.getOwnPropertyDescriptor(at, key);
    if (!own) continue;
    if (!own.get) return own.value;
    return isNative(own) || (at !== value && types.isNativeError(value))
      ? Reflect.get(value, key)
      : undefined;
  }
  return undefined;
}
