// The life of Python's process: starts on first use, dies and is restarted alone, ends with the kernel.
import { strict as assert } from 'node:assert';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import type { JupyterClient } from '../kernel/jupyter-client.ts';
import { within } from '../kernel/jupyter-client.ts';
import { PYTHON, python, withPython } from './python-kernel.ts';

async function pidOf(client: JupyterClient): Promise<number> {
  return Number((await client.cell('%%python\nimport os; os.getpid()')).result);
}

function alive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

async function gone(pid: number): Promise<void> {
  const ended = async (): Promise<void> => {
    while (alive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  await within(ended(), `end of process ${pid}`);
}

const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('tensorcell-python-'));

test('a crash is an error of the cell with the reason; the next use starts it anew; TypeScript keeps its variables', () =>
  withPython(async (client) => {
    await client.cell('const kept = 7;');
    assert.equal((await client.cell(python('x = 1'))).reply['status'], 'ok');
    const before = await pidOf(client);
    const crashed = await client.cell('%%python\nimport os, signal\nos.kill(os.getpid(), signal.SIGSEGV)', {
      stop_on_error: false,
    });
    assert.equal(crashed.reply['ename'], 'PythonDied');
    assert.match(crashed.reply['evalue'], /segmentation fault.*variables are lost/s);
    assert.ok(!alive(before));
    const after = await client.cell('%%python\n"x" in globals()');
    assert.equal(after.result, 'False');
    assert.equal((await client.cell('kept')).result, '7');
  }));

test('a runtime that is restarted leaves Python alone', () =>
  withPython(async (client) => {
    await client.cell(python('x = 1'));
    const before = await pidOf(client);
    await client.cell('%restart');
    client.drain('iopub');
    assert.equal((await client.cell('%%python\nx')).result, '1');
    assert.equal(await pidOf(client), before);
  }));

test('%python restart: a fresh process without the old variables', () =>
  withPython(async (client) => {
    await client.cell(python('x = 1'));
    const before = await pidOf(client);
    assert.match((await client.cell('%python restart')).stdout, /variables are lost/);
    assert.equal((await client.cell('%%python\n"x" in globals()')).result, 'False');
    assert.ok(!alive(before));
    const status = await client.cell('%python status');
    assert.match(
      status.stdout,
      new RegExp(`^\\* Python 3\\.\\d+\\.\\d+  ${PYTHON}.*  process \\d+  idle\n$`),
    );
  }));

test('Python and what it started end with the kernel, asked to or killed; no folder stays', async () => {
  const before = folders();
  let pids: number[] = [];
  const start = async (client: JupyterClient): Promise<void> => {
    const code =
      'import os, subprocess\nchild = subprocess.Popen(["sleep", "1000"])\n[os.getpid(), child.pid]';
    pids = JSON.parse((await client.cell(python(code))).result!) as number[];
    assert.ok(pids.every(alive));
  };
  await withPython(start);
  await Promise.all(pids.map(gone));
  assert.deepEqual(folders(), before);
  await withPython(async (client, kernel) => {
    await start(client);
    kernel.child.kill('SIGKILL');
    await kernel.exited;
    await Promise.all(pids.map(gone));
  });
  for (const name of folders().filter((each) => !before.includes(each))) {
    // No process was left to remove it; its sockets are dead.
    assert.deepEqual(
      readdirSync(`${tmpdir()}/${name}`).filter((file) => !/^(connection\.json|k-\d)$/.test(file)),
      [],
    );
  }
});

test('no such environment, no ipykernel in it, a program that is no Python: each says what to do', () =>
  withPython(async (client, kernel) => {
    const fail = async (code: string): Promise<string> => {
      const cell = await client.cell(code, { stop_on_error: false });
      assert.equal(cell.reply['status'], 'error');
      return cell.reply['evalue'] as string;
    };
    assert.match(
      await fail('%%python --env /nowhere/at/all\n1'),
      /there is no Python environment \/nowhere\/at\/all\. %python envs/,
    );
    assert.match(
      await fail(`%%python --env ${kernel.folder}\n1`),
      /is not a Python environment: it has no bin\/python/,
    );
    assert.match(await fail('%%python --env /bin/false\n1'), /\/bin\/false does not run/);
    await client.cell(`!${PYTHON} -m venv --without-pip bare`);
    const missing = await fail('%%python --env bare\n1');
    assert.match(missing, /has no ipykernel/);
    assert.match(missing, new RegExp(`!${kernel.folder}/bare/bin/python3 -m pip install ipykernel`));
    assert.equal((await client.cell(python('1'))).result, '1');
  }, {}));

test('%python envs lists those next to the notebook and the active one, with what they have', () =>
  withPython(async (client, kernel) => {
    await client.cell(`!${PYTHON} -m venv --without-pip mine`);
    const { stdout } = await client.cell('%python envs');
    assert.match(
      stdout,
      new RegExp(`^ +mine +3\\.\\d+\\.\\d+ +venv +${kernel.folder}/mine/bin/python3 +no ipykernel$`, 'm'),
    );
    assert.match(stdout, /ipykernel \d+\.\d+/);
    const active = await client.cell(`%env VIRTUAL_ENV=${kernel.folder}/mine`);
    assert.equal(active.reply['status'], 'ok');
    assert.match((await client.cell('%python envs')).stdout, /^ +mine +3\S+ +active/m);
    assert.match(
      (await client.cell('%%python\n1', { stop_on_error: false })).reply['evalue'],
      /mine.*has no ipykernel/,
    );
  }, {}));

test('an environment that was used keeps its process when another is used', () =>
  withPython(async (client) => {
    await client.cell(python('x = "system"'));
    // With the packages of the first, wherever those are.
    await client.cell(`!${PYTHON} -m venv --without-pip second`);
    const share =
      'import glob, sys; open(glob.glob("second/lib/python3*/site-packages")[0] + "/base.pth", "w").write("\\n".join(p for p in sys.path if "packages" in p))';
    assert.equal((await client.cell(`!${PYTHON} -c '${share}'`)).stderr, '');
    const other = await client.cell(
      '%%python --env second\nimport sys\nsys.prefix.split("/")[-1], "x" in globals()',
    );
    assert.equal(other.result, "('second', False)");
    assert.equal((await client.cell('%%python\n"x" in globals()')).result, 'False');
    assert.equal((await client.cell(python('x'))).result, "'system'");
    assert.equal((await client.cell('%python status')).stdout.split('\n').length, 3);
  }));
