/** Kernels on another machine: a Jupyter server here, which has them started by a kernel gateway there. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from './child-processes.ts';
import { hubEnvironment, root, Servers } from './servers.ts';

const servers = new Servers();
after(() => servers.end());

test(
  'a Jupyter server without the kernel runs it through a kernel gateway',
  { timeout: 300_000 },
  async () => {
    const environment = hubEnvironment();
    const [there, here] = [await freePort(), await freePort()];
    // Who a kernel's ancestors are tells on which side it runs: both sides are this machine.
    servers.start(join(environment, 'bin/jupyter-kernelgateway'), [
      '--KernelGatewayApp.ip=127.0.0.1',
      `--KernelGatewayApp.port=${there}`,
      '--KernelGatewayApp.auth_token=far',
    ]);
    await servers.until('the gateway', async () =>
      (await fetch(`http://127.0.0.1:${there}/api/kernelspecs?token=far`)).ok ? true : undefined,
    );
    assert.equal((await fetch(`http://127.0.0.1:${there}/api/kernelspecs`)).status, 401);
    servers.start(join(root, '.venv/bin/python'), [
      '-m',
      'jupyter_server',
      '--allow-root',
      '--ServerApp.ip=127.0.0.1',
      `--ServerApp.port=${here}`,
      '--IdentityProvider.token=near',
      `--gateway-url=http://127.0.0.1:${there}`,
      '--GatewayClient.auth_token=far',
    ]);
    const origin = `http://127.0.0.1:${here}`;
    const specs = await servers.until('the server', async () => {
      const answer = await fetch(`${origin}/api/kernelspecs?token=near`);
      return answer.ok ? ((await answer.json()) as { kernelspecs: Record<string, unknown> }) : undefined;
    });
    assert.ok('tensorcell' in specs.kernelspecs);
    const cells = [
      `const { readFileSync } = process.getBuiltinModule('node:fs');
const status = (pid: number, field: string) => readFileSync('/proc/' + pid + '/status', 'utf8').match(new RegExp(field + ':[^0-9]+(.+)'))![1];
const ancestors: string[] = [];
for (let pid = process.ppid; pid > 1; pid = Number(status(pid, 'PPid'))) ancestors.push(readFileSync('/proc/' + pid + '/cmdline', 'utf8'));`,
      `console.log(ancestors.some((line) => line.includes('jupyter-kernelgateway')), ancestors.some((line) => line.includes('jupyter_server')));`,
      'console.log(tf.getBackend(), tf.ones([2, 2]).matMul(tf.ones([2, 2])).sum().dataSync()[0]);',
    ];
    const done = await servers.run(cells, `${origin}/?token=near`);
    assert.deepEqual([done.code, done.out], [0, 'true false\ntensorflow 8\n'], done.err);
  },
);
