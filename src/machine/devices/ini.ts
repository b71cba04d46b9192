import { setOwn } from '../../base/own-property.ts';

/**
 * `wsl.conf` and `.wslconfig`: sections and keys, both without regard to case; `#` begins a comment. Later values win,
 * as in WSL's own parser.
 */
export function parseIni(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let section = '';
  for (const raw of text.replace(/^\u{feff}/u, '').split(/\r?\n/)) {
    const line = raw.replace(/(^|\s)[#;].*$/, '').trim();
    const heading = /^\[([^\]]*)\]$/.exec(line);
    if (heading) {
      const [, name = ''] = heading;
      section = name.trim().toLowerCase();
      continue;
    }
    const equals = line.indexOf('=');
    if (equals < 1) continue;
    const key = line.slice(0, equals).trim().toLowerCase();
    const value = line
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
    const own = Object.hasOwn(sections, section) ? (sections[section] as Record<string, string>) : {};
    setOwn(own, key, value);
    setOwn(sections, section, own);
  }
  return sections;
}

/** Whether WSL reads a value as false: `false` and `0`. */
export function isOff(value: string | undefined): boolean {
  return value !== undefined && /^(false|0)$/i.test(value.trim());
}

/** `8GB`, `512MB`, or bytes, as in `.wslconfig`. Undefined when it is neither. */
export function parseSizeBytes(value: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)B?$/i.exec(value.trim());
  if (!match) return undefined;
  const power = ['', 'K', 'M', 'G', 'T'].indexOf((match[2] ?? '').toUpperCase());
  return Math.round(Number(match[1]) * 1024 ** power);
}
