/** Whether a name was meant for another one. */
import { editDistance } from '../../src/base/nearest-name.ts';

/**
 * A known name that an assigned name is probably a typing error for. Variables with similar names are common (`xs` and `ys`,
 * `label` and `labels`, `x1` and `x2`, `url` and `URL`), so only errors of the fingers count: two letters swapped, one missing,
 * doubled or wrong within a word, two of these in a long word.
 */
export function likelyTypo(name: string, known: Iterable<string>): string | undefined {
  for (const candidate of known) if (isTypo(name, candidate)) return candidate;
  return undefined;
}

function isTypo(name: string, known: string): boolean {
  const shorter = Math.min(name.length, known.length);
  if (shorter < 3 || Math.abs(name.length - known.length) > 1) return false;
  if (name.toLowerCase() === known.toLowerCase() || name[0] !== known[0]) return false;
  if (withoutDigits(name) === withoutDigits(known)) return false;
  // A letter more or less at the end is a plural or another word.
  if (known.startsWith(name) || name.startsWith(known)) return false;
  const distance = editDistance(name, known);
  const isSwap = sortedLetters(name) === sortedLetters(known);
  if (distance > 1) return distance === 2 && shorter >= 8 && isSwap;
  if (isSwap || name.length !== known.length) return true;
  // One letter differs: `row` and `raw`, `train_x` and `train_y`, `modelA` and `modelB` are separate names.
  const at = name.split('').findIndex((letter, index) => letter !== known[index]);
  const isPart = /[_$\d]/.test(name[at - 1] ?? '_') && /[_$\d]/.test(name[at + 1] ?? '_');
  return shorter >= 5 && at < name.length - 1 && !isPart && !/[A-Z_$\d]/.test(`${name[at]}${known[at]}`);
}

function withoutDigits(name: string): string {
  return name.replaceAll(/\d+/g, '');
}

function sortedLetters(name: string): string {
  return name.split('').sort().join('');
}

/**
 * The known name that a name which is not defined most likely means: of an error nothing depends on it, so that more is taken
 * for a typing error than above. Of names that are equally near, the first one.
 */
export function nearestKnown(name: string, known: Iterable<string>): string | undefined {
  if (name.length < 2) return undefined;
  const wanted = name.toLowerCase();
  const allowed = name.length < 3 ? 0 : name.length < 6 ? 1 : 2;
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    if (candidate === name || candidate.length < 2) continue;
    const other = candidate.toLowerCase();
    // A word that was not finished: `learning` for `learningRate`.
    const isBeginning = wanted.length > 3 && other.startsWith(wanted);
    if (Math.abs(other.length - wanted.length) > Math.max(1, allowed) && !isBeginning) continue;
    const edits = editDistance(wanted, other);
    const distance = isBeginning ? Math.min(edits, allowed + 0.5) : isShort(wanted, other) ? 0.5 : edits;
    if (distance > allowed && !isBeginning && distance !== 0.5) continue;
    if (!best || distance < best.distance) best = { name: candidate, distance };
  }
  return best?.name;
}

/** `lg` for `log`. */
function isShort(wanted: string, other: string): boolean {
  return wanted.length === 2 && other.length === 3 && wanted[0] === other[0] && wanted[1] === other[2];
}
