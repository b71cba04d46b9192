const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `1.02 GiB`: three digits, powers of 1024, for memory. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** `1.02 of 8.00 GiB`: both in the unit of the second. */
export function formatShare(bytes: number, totalBytes: number): string {
  const total = formatBytes(totalBytes);
  const [digits, unit] = total.split(' ') as [string, string];
  const power = UNITS.indexOf(unit);
  if (power <= 0) return `${bytes} of ${total}`;
  const decimals = digits.split('.')[1]?.length ?? 0;
  return `${(bytes / 1024 ** power).toFixed(decimals)} of ${total}`;
}

/** `274 MB`, `3.3 GB`: powers of ten, for files and downloads, as disks are sold and pip counts. */
export function formatFileSize(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${Math.round(bytes / 1e6)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
