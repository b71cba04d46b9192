/**
 * Cells that follow a second of other work on the machine, as a person's do: all kernels live at once and take turns, and
 * between two cells the CPU's caches and the kernels' processes are used for something else.
 */
import { cellOf, timed, type Figure } from './cases.ts';
import { RunningKernel, type Peer } from './kernels.ts';

/** The parts of each turn; `fresh` starts a kernel in its turn. */
const ROWS: readonly {
  name: string;
  turns: number;
  run: (kernel: RunningKernel, peer: Peer, turn: number) => Promise<Figure>;
}[] = [
  { name: '1+1, in turns', turns: 25, run: (kernel) => timed(kernel, '1+1') },
  {
    name: '30-line class, in turns',
    turns: 15,
    run: (kernel, peer, turn) => timed(kernel, cellOf('class', peer.language).replaceAll('$', `T${turn}`)),
  },
  {
    name: 'a 20 MB string, in turns',
    turns: 5,
    run: (kernel, peer) =>
      timed(kernel, cellOf('string', peer.language), (text) =>
        text.length === 20_000_001 ? undefined : `${text.length} characters`,
      ),
  },
];

/** Other work: walks through more memory than the caches hold. Milliseconds. */
function otherWork(milliseconds: number, memory: Float64Array): void {
  const end = performance.now() + milliseconds;
  for (let at = 0; performance.now() < end;) {
    for (let i = 0; i < 10_000; i++) {
      at = (at + 4099) % memory.length;
      memory[at] = (memory[at] ?? 0) + 1;
    }
  }
}

/** Starts every kernel, lets them take turns, and notes each figure of each row. */
export async function measureTurns(
  peers: readonly Peer[],
  note: (row: string, unit: string, kernel: string, value: Figure) => void,
): Promise<void> {
  const memory = new Float64Array(1 << 23);
  const pause = 1000 / peers.length;
  for (let turn = 0; turn < 3; turn++) {
    for (const peer of peers) {
      otherWork(pause, memory);
      const kernel = await RunningKernel.start(peer);
      const first = await kernel.client.execute('1+1', 30_000);
      const took = performance.now() - kernel.started;
      note(
        'start to first result, in turns',
        'ms',
        peer.name,
        first === undefined ? { failed: 'no answer' } : took,
      );
      await kernel.stop();
    }
  }
  const running: [Peer, RunningKernel][] = [];
  try {
    for (const peer of peers) running.push([peer, await RunningKernel.start(peer)]);
    for (const [peer, kernel] of running)
      for (let i = 0; i < 10; i++) {
        await timed(kernel, '1+1');
        await timed(kernel, cellOf('class', peer.language).replaceAll('$', `W${i}`));
      }
    for (const { name, turns, run } of ROWS) {
      for (let turn = 0; turn < turns; turn++) {
        for (const [peer, kernel] of running) {
          otherWork(pause, memory);
          note(name, 'ms', peer.name, await run(kernel, peer, turn));
          await kernel.client.quiet();
        }
      }
    }
  } finally {
    for (const [, kernel] of running) await kernel.stop();
  }
}
