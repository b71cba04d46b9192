/** Jupyter counts Unicode code points, TypeScript and JavaScript count UTF-16 code units. */

/** The UTF-16 offset of a position in code points; past the end it is the end. */
export function utf16Offset(text: string, codePoints: number): number {
  let offset = 0;
  for (let count = 0; count < codePoints && offset < text.length; count++) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
  }
  return offset;
}

/** The position in code points of a UTF-16 offset. An offset inside a pair counts as the pair's start. */
export function codePointOffset(text: string, utf16: number): number {
  let count = 0;
  for (let offset = 0; offset < Math.min(utf16, text.length); count++) {
    offset += (text.codePointAt(offset) ?? 0) > 0xffff ? 2 : 1;
    if (offset > utf16) break;
  }
  return count;
}
