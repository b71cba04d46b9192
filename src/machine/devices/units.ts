/** `1.02 GiB`: three digits, powers of 1024. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** `1.02 of 8.00 GiB`: both in the unit of the second. */
export function formatShare(bytes: number, totalBytes: number): string {
  const total = formatBytes(totalBytes);
  const [digits, unit] = total.split(' ') as [string, string];
  const power = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(unit);
  if (power <= 0) return `${bytes} of ${total}`;
  const decimals = digits.split('.')[1]?.length ?? 0;
  return `${(bytes / 1024 ** power).toFixed(decimals)} of ${total}`;
}

export function escapeHtml(text: string): string {
  const names: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => names[character]!);
}
