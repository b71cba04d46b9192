/** JupyterHub with processes on this machine and two users, each with the kernel. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { request } from 'playwright-core';
import { freePort } from './child-processes.ts';
import { hubEnvironment, Servers } from './servers.ts';

const servers = new Servers();
after(() => servers.end());

/** Signs in through the hub's own form, and asks for a token as the page "Token" does. */
async function signIn(origin: string, user: string): Promise<string> {
  const browser = await request.newContext({ baseURL: origin });
  try {
    await browser.get('/hub/login');
    const cookie = async (): Promise<string> =>
      (await browser.storageState()).cookies.find(({ name }) => name === '_xsrf')?.value ?? '';
    const answer = await browser.post('/hub/login?next=%2Fhub%2Fhome', {
      form: { username: user, password: 'any', _xsrf: await cookie() },
    });
    assert.equal(answer.status(), 200, `${user} could not sign in`);
    const made = await browser.post(`/hub/api/users/${user}/tokens`, {
      headers: { 'X-XSRFToken': await cookie(), referer: `${origin}/hub/token` },
      data: { note: 'test' },
    });
    assert.equal(made.status(), 201, await made.text());
    return ((await made.json()) as { token: string }).token;
  } finally {
    await browser.dispose();
  }
}

test('two users of a hub have a kernel each, of their own', { timeout: 400_000 }, async () => {
  const environment = hubEnvironment();
  const [port, proxy, internal] = [await freePort(), await freePort(), await freePort()];
  const data = process.env['TENSORCELL_HOME'] ?? join(homedir(), '.local/share/tensorcell');
  const runtime = join(data, 'runtimes/cpu-2.21.0');
  const config = join(servers.folder, 'jupyterhub_config.py');
  writeFileSync(
    config,
    `
c.JupyterHub.bind_url = 'http://127.0.0.1:${port}'
c.JupyterHub.hub_bind_url = 'http://127.0.0.1:${internal}'
c.ConfigurableHTTPProxy.api_url = 'http://127.0.0.1:${proxy}'
c.JupyterHub.db_url = 'sqlite://'
c.JupyterHub.cookie_secret_file = ${JSON.stringify(join(servers.folder, 'cookie'))}
c.JupyterHub.authenticator_class = 'dummy'
c.Authenticator.allowed_users = {'ada', 'grace'}
c.JupyterHub.spawner_class = 'simple'
c.SimpleLocalProcessSpawner.home_dir_template = ${JSON.stringify(`${servers.folder}/{username}`)}
c.Spawner.args = ['--allow-root']
c.Spawner.env_keep = ['PATH', 'NODE_EXTRA_CA_CERTS']
# One set of libraries for everybody.
c.Spawner.environment = {'TENSORCELL_HISTORY': ':memory:', 'TENSORCELL_RUNTIME': ${JSON.stringify(runtime)}}
`,
  );
  servers.start(join(environment, 'bin/jupyterhub'), ['-f', config]);
  const origin = `http://127.0.0.1:${port}`;
  await servers.until('the hub', async () => ((await fetch(`${origin}/hub/api`)).ok ? true : undefined));

  const users = ['ada', 'grace'];
  const tokens: string[] = [];
  for (const user of users) {
    const token = await signIn(origin, user);
    tokens.push(token);
    const headers = { authorization: `token ${token}` };
    const started = await fetch(`${origin}/hub/api/users/${user}/server`, { method: 'POST', headers });
    assert.ok([201, 202].includes(started.status), await started.text());
    await servers.until(`${user}'s server`, async () => {
      const answer = await fetch(`${origin}/hub/api/users/${user}`, { headers });
      const { servers: own } = (await answer.json()) as { servers: Record<string, { ready: boolean }> };
      return own['']?.ready || undefined;
    });
  }
  await assert.rejects(signIn(origin, 'mallory'), /mallory could not sign in/);

  const cells = [
    `const who = process.env['JUPYTERHUB_USER'];`,
    `console.log(who, (await import('node:os')).homedir(), tf.getBackend(), tf.tensor([1, 2]).sum().dataSync()[0]);`,
  ];
  const runs = await Promise.all(
    users.map((user, at) => servers.run(cells, `${origin}/user/${user}/lab?token=${tokens[at]}`)),
  );
  assert.deepEqual(
    runs.map(({ code, out }) => [code, out]),
    users.map((user) => [0, `${user} ${join(servers.folder, user)} tensorflow 3\n`]),
    runs.map(({ err }) => err).join('\n'),
  );
  // Nobody runs anything on another's server.
  const foreign = await servers.run(cells, `${origin}/user/grace/lab?token=${tokens[0]}`);
  assert.deepEqual([foreign.code, foreign.out], [1, '']);
  assert.match(foreign.err, /did not start the kernel "tensorcell"/);
});
