// A lack of file descriptors in the kernel process: it refuses to start, or every request is answered and all parts come back.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { KernelProcess } from '../kernel/kernel-process.ts';
import { python } from '../python/python-kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-descriptors-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Descriptors of /dev/null that the process holds for the loading of its parts (`src/base/spare-descriptors.ts`); standard input is one more. */
const RESERVE = 32;

/** Node raises its own limit when it starts, so that it is lowered afterwards, before the kernel opens anything. */
const preload = join(folder, 'limit.cjs');
writeFileSync(
  preload,
  `if (/kernel\\.c?js$/.test(process.argv[1] ?? '')) {
     require('node:child_process').execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=' + process.env.TEST_LIMIT + ':']);
   }`,
);

let skip: string | false = false;
try {
  execFileSync('prlimit', ['--version']);
} catch {
  skip = 'there is no prlimit here (util-linux)';
}

/** Services of the kernel process that a session needs, with the result of each. */
const PARTS: Record<string, (client: JupyterClient) => Promise<unknown>> = {
  cell: async (client) => (await client.cell('const kept: number = 42; kept')).result,
  completion: async (client) => {
    const request = { code: 'kept.toFi', cursor_pos: 9 };
    return (await client.request('shell', 'complete_request', request)).reply!.content['matches'];
  },
  inspection: async (client) => {
    const request = { code: 'kept', cursor_pos: 2, detail_level: 0 };
    const { content } = (await client.request('shell', 'inspect_request', request)).reply!;
    return /const kept: number/.test(content['data']?.['text/plain'] ?? '');
  },
  magic: async (client) => /writefile/.test((await client.cell('%lsmagic')).stdout),
  'a heavy cell': async (client) => (await client.cell(`[${'1,'.repeat(60_000)}].length`)).result,
  'a command': async (client) => (await client.cell('%%sh\necho 7')).stdout,
  Python: async (client) => (await client.cell(python('print(8)'))).stdout,
  history: async (client) => {
    const request = { hist_access_type: 'tail', n: 100, output: false, raw: true };
    const { history } = (await client.request('shell', 'history_request', request)).reply!.content;
    return history.some((row: unknown[]) => row[2] === '%lsmagic');
  },
};

const EXPECTED = {
  cell: '42',
  completion: ['toFixed'],
  inspection: true,
  magic: true,
  'a heavy cell': '60000',
  'a command': '7\n',
  Python: '8\n',
  history: true,
};

async function raised(kernel: KernelProcess, client: JupyterClient): Promise<void> {
  // Whatever fails for want of descriptors: there is an answer.
  for (const part of Object.values(PARTS)) await part(client);
  execFileSync('prlimit', ['--pid', String(kernel.child.pid), '--nofile=4096:']);
  for (const [name, part] of Object.entries(PARTS)) {
    const expected = EXPECTED[name as keyof typeof EXPECTED];
    const end = Date.now() + 20_000;
    let got = await part(client);
    // A failed service is tried again after some seconds.
    while (JSON.stringify(got) !== JSON.stringify(expected) && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      got = await part(client);
    }
    assert.deepEqual(got, expected, name);
  }
  client.drain();
}

const limited = (limit: number): KernelProcess =>
  new KernelProcess({
    environment: { NODE_OPTIONS: `--require ${preload}`, TEST_LIMIT: String(limit) },
    mayLog: /./,
  });

/** The descriptors of the kernel process, and what they are of. */
function descriptors(kernel: KernelProcess): Map<number, string> {
  const folder = `/proc/${kernel.child.pid}/fd`;
  const found = new Map<number, string>();
  for (const name of readdirSync(folder)) {
    try {
      found.set(Number(name), readlinkSync(join(folder, name)));
    } catch {
      // It was closed meanwhile.
    }
  }
  return found;
}

/** Lowers the limit to the first free number at a moment when the process holds its reserve, not while it loads a part with it. */
async function leaveNoneButReserve(kernel: KernelProcess): Promise<void> {
  const limit = (count: number) =>
    execFileSync('prlimit', ['--pid', String(kernel.child.pid), `--nofile=${count}:`]);
  const holdsReserve = () => {
    const open = descriptors(kernel);
    return [...open.values()].filter((what) => what === '/dev/null').length > RESERVE ? open : undefined;
  };
  for (
    const end = Date.now() + 20_000;
    Date.now() < end;
    await new Promise((resolve) => setTimeout(resolve, 20))
  ) {
    const open = holdsReserve();
    if (!open) continue;
    // Higher ones may be inherited from what runs this test.
    let used = 0;
    while (open.has(used)) used++;
    limit(used);
    if (holdsReserve()) return;
    limit(4096);
  }
  assert.fail('the process does not hold its reserve of descriptors');
}

/** Resolves to true when the kernel has started, and to false when it has ended by itself. */
async function starts(kernel: KernelProcess): Promise<boolean> {
  return Promise.race([
    kernel.connection().then(
      () => true,
      () => false,
    ),
    kernel.exited.then(() => false),
  ]);
}

test(
  'with any limit: it runs, or refuses to start and names the limit and the remedy',
  { skip, timeout: 300_000 },
  async (t) => {
    const started: number[] = [];
    for (const limit of [24, 48, 64, 65, 80, 104, 112, 120, 136]) {
      const kernel = limited(limit);
      try {
        if (await starts(kernel)) {
          started.push(limit);
          const client = await kernel.client();
          assert.equal((await client.cell('6 * 7')).result, '42');
          continue;
        }
        const { code, signal } = await kernel.exited;
        assert.deepEqual([code, signal], [1, null], `${limit}: ${kernel.stderr}`);
        assert.match(
          kernel.stderr,
          new RegExp(
            `^\\[tensorcell\\] the limit of open files is ${limit}, of which \\d+ are in use, and a kernel needs \\d+ more: raise it \\(ulimit -n 1024\\) and start the kernel again\n$`,
          ),
        );
      } finally {
        kernel.kill();
      }
    }
    t.diagnostic(`it started with ${started.join(', ')}`);
    assert.ok(started.length > 0 && !started.includes(64));
  },
);

test('the lowest limit that it starts with, then more', { skip, timeout: 120_000 }, async () => {
  let kernel: KernelProcess;
  for (let limit = 112; ; limit++) {
    kernel = limited(limit);
    if (await starts(kernel)) break;
    kernel.kill();
    assert.ok(limit < 160, kernel.stderr);
  }
  try {
    const client = await kernel.client();
    await leaveNoneButReserve(kernel);
    await raised(kernel, client);
  } finally {
    kernel.kill();
  }
});
