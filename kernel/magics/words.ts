/**
 * Splits a magic's line into words as a shell would: quotes keep spaces, a backslash keeps the next character.
 * An unclosed quote runs to the end of the line.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  let word = '';
  let started = false;
  let quote = '';
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (quote) {
      if (character === quote) quote = '';
      else if (character === '\\' && quote === '"' && at + 1 < line.length) word += line.charAt(++at);
      else word += character;
    } else if (character === '"' || character === "'") {
      quote = character;
      started = true;
    } else if (character === '\\' && at + 1 < line.length) {
      word += line.charAt(++at);
      started = true;
    } else if (/\s/.test(character)) {
      if (started || word) words.push(word);
      word = '';
      started = false;
    } else {
      word += character;
    }
  }
  if (started || word) words.push(word);
  return words;
}

/** Replaces `$NAME` and `${NAME}` by the environment's value; unknown names become nothing, as in a shell. */
export function expandVariables(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  return text.replace(
    /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g,
    (_, braced: string | undefined, bare: string | undefined) => environment[braced ?? bare ?? ''] ?? '',
  );
}
