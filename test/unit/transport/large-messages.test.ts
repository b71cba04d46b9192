import { LargeMessages, parseUnsent } from '../../../kernel/transport/large-messages.ts';

const MIB = 2 ** 20;

/** How many of `count` messages of 10 MiB may be sent without a wait for the system. */
async function withoutWait(large: LargeMessages, looks: () => number, count: number): Promise<number> {
  const before = looks();
  let sent = 0;
  for (let i = 0; i < count; i++) {
    await large.room(10 * MIB);
    if (looks() === before) sent++;
  }
  return sent;
}

test('small messages never wait', async () => {
  const large = new LargeMessages(() => {
    throw new Error('not asked');
  });
  for (let i = 0; i < 10_000; i++) await large.room(100_000);
});

test('large ones wait until the system has sent what it was given', async () => {
  let [looks, unsent] = [0, 3 * MIB];
  const large = new LargeMessages(() => {
    looks++;
    if (looks === 3) unsent = 0;
    return unsent;
  });
  expect(await withoutWait(large, () => looks, 5)).toBe(4);
  // Twice empty: libzmq may be between two writes.
  expect(looks).toBe(4);
  expect(await withoutWait(large, () => looks, 4)).toBe(3);
});

test('a reader that takes nothing holds them up for a bounded time, and the next part is smaller', async () => {
  let looks = 0;
  const large = new LargeMessages(() => {
    looks++;
    return MIB;
  }, 50);
  for (let i = 0; i < 5; i++) await large.room(10 * MIB);
  expect(looks).toBeGreaterThan(1);
  expect(await withoutWait(large, () => looks, 2)).toBe(1);
});

test('where the system does not tell, nothing waits', async () => {
  const large = new LargeMessages(() => undefined);
  for (let i = 0; i < 100; i++) await large.room(10 * MIB);
});

test('reads the longest queue of the port from /proc/net/tcp', () => {
  const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 0100007F:1F90 0100007F:C350 01 000A0000:00000005 00:00000000 00000000     0        0 2 1
   2: 0100007F:1F90 0100007F:C352 01 00000010:00000000 00:00000000 00000000     0        0 3 1
   3: 0100007F:C350 0100007F:1F90 01 00FF0000:00000000 00:00000000 00000000     0        0 4 1
   4: 0100007F:1F90 0100007F:C354 06 00FF0000:00000000 00:00000000 00000000     0        0 5 1
`;
  expect(parseUnsent(text, 8080)).toBe(0xa0000);
  expect(parseUnsent(text, 8081)).toBe(0);
  expect(parseUnsent('', 8080)).toBe(0);
});
