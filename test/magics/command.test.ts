// Commands are real processes: what they print, how they end, and that an interrupt takes the whole group.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMagicRegistry } from '../../kernel/magics/index.ts';
import { call, testSession } from './session.ts';
import type { Recorded } from './session.ts';

const registry = createMagicRegistry();

async function run(text: string, session = testSession()): Promise<Recorded> {
  const { context, recorded } = call(text, session);
  await registry.run(context);
  return recorded;
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function gone(pid: number): Promise<void> {
  const end = Date.now() + 20_000;
  while (alive(pid) && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(alive(pid), false, `process ${pid} still runs`);
}

test('! runs in the session folder with its environment', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-command-'));
  try {
    const session = testSession({ directory: folder, environment: { PATH: process.env['PATH'], A: 'ä b' } });
    assert.deepEqual(await run('!pwd; echo "$A"; echo err >&2', session), {
      stdout: `${folder}\nä b\n`,
      stderr: 'err\n',
      displays: [],
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a failing ! says how it ended, and does not fail the cell', async () => {
  assert.equal((await run('!exit 3')).stderr, '!exit 3: exit code 3\n');
  assert.equal((await run('!kill -9 $$')).stderr, '!kill -9 $$: ended by SIGKILL\n');
});

test('%%bash takes arguments, and its failure fails the cell', async () => {
  assert.equal(
    (await run('%%bash one "two three"\necho "$1-$2"\ncat <<X\nhere\nX')).stdout,
    'one-two three\nhere\n',
  );
  await assert.rejects(run('%%bash\necho before\nexit 7'), {
    name: 'MagicError',
    code: 'command-failed',
    message: 'the bash script failed: exit code 7',
  });
});

test('a script longer than one argument may be', async () => {
  const { stdout } = await run(`%%bash x\n# ${'-'.repeat(200_000)}\necho "$1 $#"`);
  assert.equal(stdout, 'x 1\n');
});

test('output is complete, and characters split between chunks stay whole', async () => {
  const { stdout } = await run(`!for i in $(seq 20000); do echo "zeile $i ä€😀"; done`);
  const lines = stdout.split('\n');
  assert.equal(lines.length, 20_001);
  assert.equal(lines[19_999], 'zeile 20000 ä€😀');
  assert.equal(stdout.includes('\u{fffd}'), false);
});

test('output comes while the command runs', async () => {
  const controller = new AbortController();
  const { context, recorded } = call('!echo first; sleep 60', testSession(), {
    signal: controller.signal,
    onOutput: () => controller.abort(),
  });
  await assert.rejects(registry.run(context), { name: 'Interrupted', code: 'interrupted' });
  assert.equal(recorded.stdout, 'first\n');
});

test('a slow sink slows the command', async () => {
  const { context } = call('!yes 0123456789 | head -c 3000000 ; echo', testSession());
  let longest = 0;
  let total = 0;
  const stdout = async (text: string): Promise<void> => {
    total += text.length;
    longest = Math.max(longest, text.length);
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  await registry.run({ ...context, output: { ...context.output, stdout } });
  assert.equal(total, 3_000_001);
  assert.ok(longest <= 1_000_000, `one chunk held ${longest}`);
});

test('an interrupt ends the whole group, also what ignores SIGINT', async () => {
  const controller = new AbortController();
  let child = 0;
  const { context } = call(
    `%%bash\n(trap '' INT TERM; echo $BASHPID; while :; do sleep 0.1; done) &\nwait`,
    testSession(),
    {
      signal: controller.signal,
      onOutput: ({ stdout }) => {
        child = Number(stdout);
        controller.abort();
      },
    },
  );
  await assert.rejects(registry.run(context), { name: 'Interrupted' });
  assert.ok(child > 0);
  await gone(child);
});

test('a background child does not hold the cell up', async () => {
  const { stdout } = await run('!sleep 600 & echo $!');
  const pid = Number(stdout);
  assert.ok(alive(pid));
  process.kill(pid, 'SIGKILL');
  await gone(pid);
});

test('a missing program and an interrupted start', async () => {
  const session = testSession({ environment: { PATH: '/nowhere' } });
  await assert.rejects(run('%%bash\necho', session), {
    code: 'not-found',
    message: 'bash was not found (or the folder / no longer exists): install it, or set PATH with %env',
  });
  const { context } = call('!echo never', testSession(), { signal: AbortSignal.abort() });
  await assert.rejects(registry.run(context), { name: 'Interrupted' });
});
