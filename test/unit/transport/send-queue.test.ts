import { SendQueue } from '../../../kernel/transport/send-queue.ts';

const busy = (code: string) => Object.assign(new Error(code), { code });

test('sends in order, one at a time, and tries again on EAGAIN and EBUSY', async () => {
  const sent: string[] = [];
  let inFlight = 0;
  let refusals = 0;
  const queue = new SendQueue({
    log: (message) => sent.push(`log ${message}`),
    async send([frame]) {
      inFlight++;
      expect(inFlight).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight--;
      if (refusals++ % 3 === 0) throw busy(refusals % 2 ? 'EAGAIN' : 'EBUSY');
      sent.push(frame!.toString());
    },
  });
  for (let i = 0; i < 20; i++) queue.push([Buffer.from(String(i))]);
  await queue.drained();
  expect(sent).toEqual(Array.from({ length: 20 }, (_, i) => String(i)));
  expect(queue.bytes).toBe(0);
});

test('says when at most so many bytes wait', async () => {
  const gates: (() => void)[] = [];
  const queue = new SendQueue({
    log: () => undefined,
    send: () => new Promise((resolve) => gates.push(resolve)),
  });
  for (let i = 0; i < 4; i++) queue.push([Buffer.alloc(10)]);
  expect(queue.bytes).toBe(40);
  let reached = false;
  const half = queue.drained(20).then(() => (reached = true));
  for (let i = 0; i < 2; i++) {
    expect(reached).toBe(false);
    gates.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await half;
  expect(queue.bytes).toBe(20);
  await queue.drained(20);
});

test('other failures are logged and lose only their message', async () => {
  const events: string[] = [];
  const queue = new SendQueue({
    log: (message) => events.push(message),
    async send([frame]) {
      if (frame!.toString() === 'bad') throw new Error('EHOSTUNREACH');
      events.push(frame!.toString());
    },
  });
  for (const text of ['a', 'bad', 'b']) queue.push([Buffer.from(text)]);
  await queue.drained();
  expect(events).toEqual(['a', 'cannot send a message: Error: EHOSTUNREACH', 'b']);
});

test('closing ends the wait of senders', async () => {
  const queue = new SendQueue({ log: () => undefined, send: () => new Promise(() => undefined) });
  queue.push([Buffer.alloc(1)]);
  const waiting = queue.drained();
  queue.close();
  await waiting;
  expect(queue.bytes).toBe(0);
});
