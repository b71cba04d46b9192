/**
 * Sets a property whose name comes from outside: JSON, files, messages. `target['__proto__'] = value` would set the
 * prototype, and lose the value.
 */
export function setOwn<T>(target: Record<string, T>, name: string, value: T): void {
  if (name === '__proto__') {
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
  } else target[name] = value;
}
