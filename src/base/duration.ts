/** `1.5 ms`, `12.3 s`, `3 min 4 s`: a measured time for people, three digits at most. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1) return `${Number((milliseconds * 1000).toPrecision(3))} µs`;
  if (milliseconds < 1000) return `${Number(milliseconds.toPrecision(3))} ms`;
  if (milliseconds < 60_000) return `${Number((milliseconds / 1000).toPrecision(3))} s`;
  const seconds = Math.round(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours} h ${minutes} min ${seconds % 60} s` : `${minutes} min ${seconds % 60} s`;
}
