/** A cell that prints as fast as it can, towards a reader that stalls now and then. */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import * as zmq from 'zeromq';
import type { JupyterClient, Message } from './jupyter-client.ts';
import type { KernelProcess } from './kernel-process.ts';

/** A line with its newline; its first ten characters are its number. */
const LINE = 1000;
/** A stall after this many stream messages. */
const BETWEEN_STALLS = 150;
const STALL_MS = 700;
/** Memory of a kernel that has to wait for its reader. */
const MEMORY = 250 * 2 ** 20;

export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

export interface SlowReading {
  lines: number;
  stalls: number;
  /** Most resident memory of the kernel process that was seen during a stall, in bytes. */
  peak: number;
}

/**
 * Prints lines while the JavaScript condition `until` over their number `i` and `started` (milliseconds) holds, reads
 * them slowly, and asserts that each arrived once and in order, that heartbeat and control answered in every stall,
 * and that the kernel's memory stayed under 250 MiB. Takes `seconds` at most.
 */
export async function readSlowly(
  client: JupyterClient,
  kernel: KernelProcess,
  { until, seconds }: { until: string; seconds: number },
): Promise<SlowReading> {
  // The client of the test reads all the time; only the slow reader wants the streams.
  const reader = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 50 });
  reader.connect(client.endpoint(client.connection.iopub_port));
  reader.subscribe('stream');
  await client.take('iopub', ({ type }) => type === 'iopub_welcome', 'second welcome');
  await reader.receive(); // its own welcome
  const id = await client.startCell(
    `{ const text = 'x'.repeat(${LINE - 12}), started = performance.now();
       let i = 0;
       for (; ${until}; i++) console.log(String(i).padStart(10, '0') + ' ' + text);
       console.log('lines ' + i); }`,
  );
  const end = Date.now() + seconds * 1000;
  const ends = ({ parent, content }: Message): boolean =>
    parent === id && content['execution_state'] === 'idle';
  let [lines, received, stalls, peak, rest, ended] = [0, 0, 0, 0, '', false];
  for (let total: number | undefined; total === undefined;) {
    assert.ok(Date.now() < end, `only ${lines} lines in ${seconds} s`);
    const frames = await reader.receive();
    const texts = (rest + JSON.parse(frames[6]!.toString()).text).split('\n');
    rest = texts.pop()!;
    for (const text of texts) {
      if (text.startsWith('lines ')) total = Number(text.slice('lines '.length));
      else assert.equal(Number(text.slice(0, 10)), lines++, 'a line is missing or out of order');
    }
    if (total !== undefined) assert.equal(lines, total);
    ended = client.drain('iopub').some(ends) || ended;
    if (++received % BETWEEN_STALLS !== 0) continue;
    // The kernel has to hold the writer back.
    await new Promise((resolve) => setTimeout(resolve, STALL_MS));
    await client.heartbeat();
    const info = await client.send('control', 'kernel_info_request', {});
    await client.take('control', ({ parent }) => parent === info, 'kernel_info while output is stuck');
    stalls++;
    peak = Math.max(peak, residentBytes(kernel.child.pid!));
    assert.ok(peak < MEMORY, `the kernel held ${Math.round(peak / 2 ** 20)} MiB`);
  }
  assert.equal(rest, '');
  assert.ok(stalls > 0, 'too little was printed for a stall');
  await client.take('shell', ({ parent }) => parent === id, 'reply');
  if (!ended) await client.take('iopub', ends, 'idle');
  reader.close();
  // Messages of the questions in between come before the answer to this one.
  await client.request('control', 'kernel_info_request', {});
  client.drain('iopub');
  return { lines, stalls, peak };
}
