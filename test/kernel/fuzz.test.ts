// 10,000 mutated messages: no crash, no leak, no answer to a wrong signature; and right signatures over nonsense.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { JupyterClient } from './jupyter-client.ts';
import { withKernel } from './kernel-process.ts';

/** A small generator with a seed, so that a failure can be repeated: TENSORCELL_FUZZ_SEED. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SEED = Number(process.env['TENSORCELL_FUZZ_SEED'] ?? Date.now() % 1_000_000);

const CONTENTS: Record<string, object> = {
  execute_request: { code: 'globalThis.fuzzed = true', silent: false, user_expressions: {} },
  complete_request: { code: 'Math.', cursor_pos: 5 },
  inspect_request: { code: 'Math', cursor_pos: 2, detail_level: 0 },
  is_complete_request: { code: '{' },
  history_request: { hist_access_type: 'tail', n: 3, raw: true, output: false },
  comm_info_request: {},
  kernel_info_request: {},
  comm_open: { comm_id: 'x', target_name: 'y', data: {} },
  comm_msg: { comm_id: 'x', data: {} },
  input_reply: { value: 'x' },
  interrupt_request: {},
  shutdown_request: { restart: false },
};

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

/** Changes frames so that the signature cannot be right any more. */
function mutate(frames: Buffer[], random: (below: number) => number): Buffer[] {
  const copy = frames.map((frame) => Buffer.from(frame));
  const flip = (frame: Buffer): void => {
    if (frame.length > 0) frame[random(frame.length)]! ^= 1 + random(255);
  };
  switch (random(8)) {
    case 0:
      flip(copy[1]!); // the signature
      return copy;
    case 1:
      flip(copy[2 + random(4)]!); // header, parent, metadata or content
      return copy;
    case 2:
      return copy.slice(0, random(6)); // truncated
    case 3:
      copy.splice(1 + random(5), 1); // one frame gone
      return copy;
    case 4:
      copy.splice(1 + random(5), 0, Buffer.from([random(256)])); // one too many
      return copy;
    case 5:
      return copy.with(2 + random(4), copy[2 + random(4)]!.subarray(1));
    case 6:
      flip(copy[0]!); // the delimiter
      return copy;
    default:
      return Array.from({ length: random(12) }, () =>
        Buffer.from(Array.from({ length: random(40) }, () => random(256))),
      );
  }
}

async function settle(client: JupyterClient): Promise<void> {
  const last = await client.request('control', 'kernel_info_request', {});
  assert.equal(last.reply!.content['status'], 'ok');
  const shell = await client.request('shell', 'kernel_info_request', {});
  assert.equal(shell.reply!.content['status'], 'ok');
}

test(`10,000 mutated messages (seed ${SEED})`, () =>
  withKernel(
    async (client, kernel) => {
      const random = generator(SEED);
      await client.cell('1');
      let before = 0;
      for (let i = 0; i < 11_000; i++) {
        if (i === 5000) {
          await settle(client);
          before = residentBytes(kernel.child.pid!);
        }
        const types = Object.keys(CONTENTS);
        const type = types[random(types.length)]!;
        const { frames } = client.frames(type, CONTENTS[type]);
        const changed = mutate(frames, random);
        // The same frames by chance, or a change outside of what is signed, would be a valid message.
        const signed = changed.slice(2, 6);
        const same = changed.length >= 6 && signed.every((frame, at) => frame.equals(frames[2 + at]!));
        if (changed.length === 0 || (same && changed[1]!.equals(frames[1]!))) continue;
        await client.sendFrames((['shell', 'control', 'stdin'] as const)[random(3)]!, changed);
      }
      await settle(client);
      const growth = residentBytes(kernel.child.pid!) - before;
      assert.ok(growth < 64 * 1024 * 1024, `the kernel grew by ${growth} bytes`);
      assert.deepEqual(client.leftOver(), []);
      assert.equal((await client.cell('typeof globalThis.fuzzed')).result, "'undefined'");
    },
    { mayLog: /message dropped|messages? dropped/ },
  ));

test(`2,000 messages of nonsense with right signatures (seed ${SEED})`, () =>
  withKernel(
    async (client) => {
      const random = generator(SEED + 1);
      const values = [
        null,
        true,
        -1,
        0.5,
        1e300,
        '',
        'x',
        '\ud800',
        [],
        [[]],
        {},
        { a: 1 },
        'constructor',
        9007199254740992,
      ];
      const types = Object.keys(CONTENTS).filter((type) => !/shutdown|interrupt/.test(type));
      for (let i = 0; i < 2000; i++) {
        const type = types[random(types.length)]!;
        const content: Record<string, unknown> = { ...CONTENTS[type] };
        for (const key of [...Object.keys(content), '__proto__', 'extra']) {
          if (random(2) === 0) content[key] = values[random(values.length)];
          if (random(6) === 0) delete content[key];
        }
        // Code that runs is not what is tested here.
        if (type === 'execute_request' && typeof content['code'] === 'string') content['code'] = '';
        const { frames } = client.frames(type, content, {
          ...(random(10) === 0 ? { header: { subshell_id: values[random(values.length)] } } : {}),
          ...(random(10) === 0 ? { parent: { msg_id: values[random(values.length)] } } : {}),
          ...(random(10) === 0 ? { buffers: [Buffer.alloc(random(1000))] } : {}),
        });
        await client.sendFrames((['shell', 'control', 'stdin'] as const)[random(3)]!, frames);
      }
      await settle(client);
      // Completions and inspections take their time.
      const last = new Map<string, string>();
      const end = Date.now() + 20_000;
      for (;;) {
        for (const { type, parent, content } of client.drain()) {
          if (type === 'status' && parent !== '') last.set(parent, content['execution_state']);
        }
        const open = [...last].filter(([, state]) => state !== 'idle');
        if (open.length === 0) break;
        assert.ok(Date.now() < end, `busy without idle: ${JSON.stringify(open)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.ok(last.size > 500, `only ${last.size} requests were answered`);
      assert.equal((await client.cell('1 + 1')).result, '2');
    },
    { mayLog: /messages? dropped|unexpected reply/ },
  ));
