/** From the server's hover and signature help to what JupyterLab shows in its tooltip. */
import type { Hover, MarkupContent, SignatureHelp } from 'vscode-languageserver-protocol';
import type { Inspection } from '../../contracts/language-service.ts';
import { withoutOwnNames } from './own-names.ts';

/** UTF-16 code units before the cursor that may belong to its word and the members before it. */
const LOOKED_AT = 500;
const WORD = /[\p{ID_Start}$_#][\p{ID_Continue}$]*/u;

/** The identifier that the cursor touches, with the members before it (`model.layers`). */
export function wordAt(
  source: string,
  cursor: number,
): { start: number; end: number; path: string | undefined } | undefined {
  const left = Math.max(0, cursor - LOOKED_AT);
  const [before = ''] = /[\p{ID_Continue}$#]*$/u.exec(source.slice(left, cursor)) ?? [];
  const [after = ''] = /^[\p{ID_Continue}$]*/u.exec(source.slice(cursor)) ?? [];
  const start = cursor - before.length;
  const end = cursor + after.length;
  const word = source.slice(start, end);
  if (word === '' || WORD.exec(word)?.[0] !== word) return undefined;
  const [chain = ''] =
    /(?:[\p{ID_Start}$_][\p{ID_Continue}$]*\??\.)*$/u.exec(source.slice(left, start)) ?? [];
  const beginning = source[start - chain.length - 1] ?? '';
  const root = source.slice(left, start - chain.length);
  // `f().a`, `"x".length`, `list[0].name`: what stands before is no name.
  const continued = beginning === '.' || /[)\]}"'`]\s*\??\.$/.test(root + chain.slice(0, 1));
  const path = continued ? undefined : (chain + word).replaceAll('?.', '.');
  return { start, end, path };
}

export function hoverInspection(hover: Hover | null, path: string | undefined): Inspection | undefined {
  if (!hover) return undefined;
  const value = contents(hover.contents);
  // Of a name that does not exist the server says `any`.
  if (/^(?:```\w*\s*any\s*```)?$/.test(value.trim())) return undefined;
  const markdown = withoutOwnNames(value).trim();
  return { markdown, text: plainText(markdown), ...(path === undefined ? {} : { path }) };
}

/** The signature that fits best, the parameter that the cursor is at, the documentation. */
export function signatureInspection(help: SignatureHelp | null): Inspection | undefined {
  const signature = help?.signatures[help.activeSignature ?? 0];
  if (!help || !signature) return undefined;
  const active = signature.activeParameter ?? help.activeParameter ?? 0;
  const parameter = signature.parameters?.[active];
  let first = fence('typescript', signature.label);
  if (parameter) {
    const name =
      typeof parameter.label === 'string'
        ? parameter.label
        : signature.label.slice(parameter.label[0], parameter.label[1]);
    const about = markup(parameter.documentation);
    // In the same paragraph: a short answer ends with the first one.
    first += `\nParameter: **\`${name}\`**${about ? ` — ${about}` : ''}`;
  }
  const parts = [first];
  const others = help.signatures.length - 1;
  if (others > 0) parts.push(`*and ${others} other ${others === 1 ? 'form' : 'forms'}*`);
  const documentation = markup(signature.documentation);
  if (documentation) parts.push(documentation);
  const markdown = withoutOwnNames(parts.join('\n\n')).trim();
  return { markdown, text: plainText(markdown) };
}

function contents(value: Hover['contents']): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) {
    return value
      .map((part) => (typeof part === 'string' ? part : fence(part.language, part.value)))
      .join('\n\n');
  }
  return 'kind' in value ? value.value : fence(value.language, value.value);
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function markup(value: string | MarkupContent | undefined): string {
  return (typeof value === 'string' ? value : (value?.value ?? '')).trim();
}

/** Markdown as a terminal shows it. */
export function plainText(markdown: string): string {
  return markdown
    .replace(/^```[^\n]*\n?/gm, '')
    .replace(/\*\*`([^`]*)`\*\*/g, '$1')
    .replace(/\*(@\w+)\*/g, '$1')
    .replace(/(?<!\w)\*([^*\n]+)\*(?!\w)/g, '$1')
    .replace(/`([^`\n]*)`/g, '$1')
    .replace(/\[([^\]]*)\]\(([^)]*)\)/g, '$1 ($2)')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}
