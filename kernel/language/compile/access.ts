import type { NameUse } from './sites.ts';

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
 * The effect of an assignment. `both`: it writes the local copy and the box. `asked`: the name is a constant as far as the
 * compiler knows; whether it still is one is asked when the assignment runs. `own`: the same, but top-level code has a
 * local constant. `merged`: the same for a lowered enum or namespace, whose `name || (name = {})` declares it.
 */
export type Writes = 'both' | 'asked' | 'own' | 'merged';

export const PLAIN: Access = { mode: 'plain' };

/** The text that replaces a name: its box; undefined where the name stays. */
export function textOf(access: Access, use: NameUse): string | undefined {
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
export function isLocal(access: Access, use: NameUse): access is Access & { mode: 'through' } {
  return access.mode === 'through' && textOf(access, use) === undefined;
}

/** Whether an assignment is done by the name, so that what the name is when it runs decides. */
export function isAsked(access: Access, use: NameUse): boolean {
  if (access.mode === 'lookup') return true;
  if (access.mode !== 'through' && access.mode !== 'box') return false;
  if (access.writes === 'both') return false;
  return access.writes !== 'own' || !isLocal(access, use);
}

export function isMember(access: Access): boolean {
  return access.mode !== 'expression' || access.isMember;
}
