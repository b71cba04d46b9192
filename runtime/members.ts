/** Help with members that a value does not have: what Python calls so, and the nearest one. */
import { types } from 'node:util';
import { nearestKnown, pythonMember, tensorflowMember } from '../kernel/slips/index.ts';
import type { Receiver } from '../kernel/slips/index.ts';
import { ownValue } from './inspect-path.ts';
import type { Names } from './names.ts';

/**
 * Help for a `TypeError`, or none. Reads values without running code of the user.
 *
 * @param before the text of the line up to where it was thrown
 */
export function memberHint(
  message: string,
  names: Names,
  before: () => string | undefined,
): string | undefined {
  const called =
    /^([\w$]+(?:\.[\w$]+)+|(?:\(intermediate value\)|.*[)\]"'`])\.[\w$]+) is not a (function|constructor)$/.exec(
      message,
    );
  const [, path] = called ?? [];
  if (path !== undefined) return missingMember(path, names);
  if (message.startsWith('Cannot read properties of undefined (reading ')) {
    const read = /([\w$]+(?:\.[\w$]+)+)\s*\??\.?\s*$/.exec(before() ?? '')?.[1];
    return read === undefined ? undefined : missingMember(read, names);
  }
  const [, iterated] = /^([\w$.]+) is not iterable/.exec(message) ?? [];
  const found = iterated === undefined ? undefined : valueOf(iterated.split('.'), names);
  if (found && receiverOf(found.value) === 'object')
    return `keys and values of an object are \`Object.entries(${iterated})\``;
  return undefined;
}

/** `xs.append`, of which the last name is missing. */
function missingMember(path: string, names: Names): string | undefined {
  const dot = path.lastIndexOf('.');
  const member = path.slice(dot + 1);
  const owner = path.slice(0, Math.max(0, dot));
  const found = valueOf(owner.split('.'), names) ?? literalOf(owner);
  if (!found) return undefined;
  const { value } = found;
  const present = ownValue(value, member);
  if (present) {
    const isPlain = ['number', 'string', 'boolean'].includes(typeof present.value);
    return isPlain
      ? `\`${owner}.${member}\` is a ${typeof present.value}: write it without parentheses`
      : undefined;
  }
  if (types.isPromise(value)) return `\`${owner}\` is a promise: its value is \`await ${owner}\``;
  const receiver = receiverOf(value);
  const isLibrary = owner === 'tf' && !names.has('tf');
  const python = isLibrary ? tensorflowMember(member) : receiver && pythonMember(receiver, member);
  if (python !== undefined) return python;
  const near = nearestKnown(member, membersOf(value));
  return near === undefined
    ? undefined
    : `\`${owner}\` has no \`${member}\`: did you mean \`${owner}.${near}\`?`;
}

/** A value without a name, from its text in a message: `"text".upper`, `[].append`. */
function literalOf(text: string): { value: unknown } | undefined {
  if (/^(?:"[^"]*"|'[^']*'|`[^`]*`)$/.test(text)) return { value: '' };
  return /^\[.*\]$/.test(text) ? { value: [] } : undefined;
}

function valueOf(path: readonly string[], names: Names): { value: unknown } | undefined {
  const [head, ...rest] = path;
  if (head === undefined || !/^[\w$]+$/.test(head)) return undefined;
  let found: { value: unknown } | undefined;
  // The library's own names are getters.
  if (names.has(head)) found = { value: names.value(head) };
  else if (head === 'tf' || head === 'tensorcell')
    found = { value: (globalThis as Record<string, unknown>)[head] };
  else found = ownValue(globalThis, head);
  for (const name of rest) {
    if (!found) return undefined;
    found =
      ownValue(found.value, name) ??
      (head === 'tf' && !names.has('tf') ? readOf(found.value, name) : undefined);
  }
  return found;
}

/** A member of the library, whose namespaces export by getters. */
function readOf(owner: unknown, name: string): { value: unknown } | undefined {
  if (typeof owner !== 'object' || owner === null || !(name in owner)) return undefined;
  return { value: (owner as Record<string, unknown>)[name] };
}

function receiverOf(value: unknown): Receiver | undefined {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return 'number';
  if (typeof value !== 'object' || value === null || types.isProxy(value)) return undefined;
  if (Array.isArray(value) || types.isTypedArray(value)) return 'array';
  if (types.isMap(value)) return 'map';
  if (types.isSet(value)) return 'set';
  if (ownValue(value, 'dataId') && ownValue(value, 'shape')) return 'tensor';
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? 'object' : undefined;
}

/** Names of members, own and inherited, up to those of all objects. */
function membersOf(value: unknown): string[] {
  const members: string[] = [];
  if (value === null || value === undefined) return members;
  let holder: object | null = Object(value) as object;
  for (let step = 0; holder && holder !== Object.prototype && step < 20; step++) {
    if (types.isProxy(holder)) break;
    for (const name of Object.getOwnPropertyNames(holder))
      if (!/^(?:_|\d|constructor$)/.test(name)) members.push(name);
    if (members.length > 5000) break;
    holder = Object.getPrototypeOf(holder) as object | null;
  }
  return members;
}
