// The process that asks drivers. It may hang or crash in a driver's library: its parent ends it by time limit.
import { createInterface } from 'node:readline';
import koffi from 'koffi';
import { readCuda } from '../cuda/read.ts';
import { readDirectx } from '../directx/read.ts';
import { Nvml } from '../nvml/read.ts';
import type { Answers, ProbeReply, ProbeRequest } from './questions.ts';

// A process that hangs in a driver does not see its stdin end: Linux ends it with its parent.
const PR_SET_PDEATHSIG = 1;
try {
  koffi.load(null).func('prctl', 'int', ['int', 'ulong', 'ulong', 'ulong', 'ulong'])(
    PR_SET_PDEATHSIG,
    9,
    0,
    0,
    0,
  );
} catch {
  // Not glibc: the end of stdin has to do.
}

const opened = new Map<string, Nvml>();

const answers: { [Q in keyof Answers]: (library: string) => Answers[Q] } = {
  nvml(library) {
    let nvml = opened.get(library);
    if (!nvml) opened.set(library, (nvml = new Nvml(library)));
    return nvml.read();
  },
  cuda: (library) => readCuda(library, koffi),
  directx: readDirectx,
};

const send = (reply: ProbeReply): void => {
  process.stdout.write(`${JSON.stringify(reply)}\n`);
};

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, question, library } = JSON.parse(line) as ProbeRequest;
    try {
      send({ id, value: answers[question](library) });
    } catch (error) {
      send({ id, error: error instanceof Error ? error.message : String(error) });
    }
  })
  .on('close', () => process.exit(0));
