// %device and %doctor say what Python's side computes on.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { PYTHON, needs, python, withPython } from './python-kernel.ts';

test(
  '%device shows a Python that runs, with the packages that it has loaded, and nothing while there is none',
  needs('torch'),
  () =>
    withPython(async (client) => {
      const shown = async (): Promise<string> =>
        (await client.cell('%device')).of('display_data')[0]!['data']['text/plain'] as string;
      assert.doesNotMatch(await shown(), /Python/);
      await client.cell(python('1'));
      assert.match(
        await shown(),
        /Python 3\.\d+\.\d+ \(.+\), process \d+\n {2}neither torch nor tensorflow is loaded/,
      );
      await client.cell('%%python\nimport torch');
      assert.match(await shown(), /\n {2}torch 1\.13\S*, built without CUDA: the CPU/);
    }),
);

test('%doctor loads the packages of the environment that %%python would use', needs('torch'), () =>
  withPython(
    async (client) => {
      const cell = await client.cell('%doctor', {}, { ms: 120_000 });
      const text = cell.of('display_data')[0]!['data']['text/plain'] as string;
      assert.match(
        text,
        /[✔!·] python-cells +%%python uses Python 3\.\d+\.\d+ \(.+\): torch 1\.13\S*, built without CUDA/,
      );
    },
    { environment: { VIRTUAL_ENV: PYTHON.replace(/\/bin\/[^/]+$/, '') } },
  ),
);
