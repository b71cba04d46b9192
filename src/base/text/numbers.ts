/** Four significant digits; very small and very large numbers with an exponent. */
export function metricText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return value.toExponential(2);
  return size >= 1000 ? value.toFixed(0) : value.toFixed(4 - Math.max(0, Math.floor(Math.log10(size)) + 1));
}
