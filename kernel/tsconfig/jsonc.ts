/**
 * Parses JSON as tsconfig.json files have it: comments, and commas before a closing bracket.
 *
 * @throws SyntaxError
 */
export function parseJsonc(text: string): unknown {
  const source = text.replace(/^\uFEFF/u, '');
  let plain = '';
  let at = 0;
  while (at < source.length) {
    const [token = ''] =
      /^(?:"(?:\\.|[^"\\])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|[^"/]+|.)/u.exec(source.slice(at)) ?? [];
    plain += token.startsWith('//') || token.startsWith('/*') ? ' ' : token;
    at += Math.max(1, token.length);
  }
  return JSON.parse(
    plain.replaceAll(/"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/gu, (part) => (part === ',' ? '' : part)),
  );
}
