// A lack of file descriptors in the kernel process: it refuses to start, or every request is answered and all parts come back.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { KernelProcess } from '../kernel/kernel-process.ts';
import { python } from '../python/python-kernel.ts';

const folder = mkdtempSync(join(tmpdir(), 'tensorcell-descriptors-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Node raises its own limit when it starts, so that it is lowered afterwards, before the kernel opens anything. */
const preload = join(folder, 'limit.cjs');
writeFileSync(
  preload,
  `if (/kernel\\.js$/.test(process.argv[1] ?? '')) {
     require('node:child_process').execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=' + process.env.TEST_LIMIT + ':']);
   }`,
);

let skip: string | false = false;
try {
  execFileSync('prlimit', ['--version']);
} catch {
  skip = 'there is no prlimit here (util-linux)';
}

/** What a session needs of the kernel process, and what each gives. */
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

async function raised(kernel: KernelProcess): Promise<void> {
  const client = await kernel.client();
  // Whatever fails for want of descriptors: there is an answer.
  for (const part of Object.values(PARTS)) await part(client);
  execFileSync('prlimit', ['--pid', String(kernel.child.pid), '--nofile=4096:']);
  for (const [name, part] of Object.entries(PARTS)) {
    const expected = EXPECTED[name as keyof typeof EXPECTED];
    const end = Date.now() + 20_000;
    let got = await part(client);
    // What failed is tried again after some seconds.
    while (JSON.stringify(got) !== JSON.stringify(expected) && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      got = await part(client);
    }
    assert.deepEqual(got, expected, name);
  }
  client.drain();
}

for (const limit of [44, 70]) {
  test(`${limit} descriptors, then more`, { skip, timeout: 120_000 }, async (t) => {
    const kernel = new KernelProcess({
      environment: { NODE_OPTIONS: `--require ${preload}`, TEST_LIMIT: String(limit) },
      mayLog: /./,
    });
    try {
      const started = await Promise.race([kernel.connection().catch(() => undefined), kernel.exited]);
      const ends = await Promise.race([
        kernel.exited,
        new Promise<undefined>((resolve) => setTimeout(resolve, 500, undefined)),
      ]);
      if (ends || !started) {
        // It ends with the reason: by itself, or in libzmq, which aborts.
        assert.match(kernel.stderr, /too many open files/i);
        t.diagnostic(`it did not start: ${kernel.stderr.split('\n')[0]}`);
      } else await raised(kernel);
    } finally {
      kernel.kill();
    }
  });
}
