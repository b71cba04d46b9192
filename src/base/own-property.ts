/**
 * Sets a property whose name comes from outside: JSON, files, messages. `target['__proto__'] = value` would set the
 * prototype, and lose the value.
 */
export function setOwn<T>(target: Record<string, T>, name: string, value: T): void {
  if (name === '__proto__') {
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  } else target[name] = value;
}

/** The value of a property whose name comes from outside; nothing that the prototype has, such as `constructor`. */
export function getOwn<T>(source: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(source, name) ? source[name] : undefined;
}
