// The tarball as a user has it: installed with one version of Node into a home of its own, the first tutorial run,
// everything taken away again.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * Bytes under a folder, links not followed.
 *
 * @param {string} path
 * @returns {number}
 */
function folderBytes(path) {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !entry.isSymbolicLink())
    .reduce((sum, entry) => {
      const inner = join(path, entry.name);
      return sum + (entry.isDirectory() ? folderBytes(inner) : statSync(inner).size);
    }, 0);
}

/** npm's own script, to be run by any Node: the one of npm on the path belongs to one. */
function npmScript() {
  const root = spawnSync('npm', ['root', '--global'], { encoding: 'utf8' }).stdout.trim();
  const script = join(root, 'npm', 'bin', 'npm-cli.js');
  if (!existsSync(script)) throw new Error(`npm's own files were not found in ${root}`);
  return script;
}

/**
 * Installs `tarball` with the Node at `node` and goes through a user's day. Returns what was seen:
 * `{ version, installedBytes, tutorial, left }`, `left` being the paths of ours that are still there at the end.
 *
 * @param {string} tarball
 * @param {string} node
 * @param {(line: string) => void} notify
 * @throws Error with what a step printed when it failed
 */
export function cleanInstall(tarball, node, notify = () => {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tensorcell-release-'));
  const home = join(folder, 'home');
  const prefix = join(folder, 'npm');
  mkdirSync(home);
  mkdirSync(prefix);
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(TENSORCELL_|JUPYTER|XDG_|VIRTUAL_ENV$|npm_)/.test(name) || name === 'npm_config_registry',
  );
  const env = {
    ...Object.fromEntries(kept),
    HOME: home,
    NPM_CONFIG_USERCONFIG: join(homedir(), '.npmrc'),
    npm_config_cache: join(folder, 'npm-cache'),
    // What was fetched once need not come over the network for each version of Node.
    PIP_CACHE_DIR: process.env['PIP_CACHE_DIR'] ?? join(homedir(), '.cache', 'pip'),
    PATH: `${join(prefix, 'bin')}:${dirname(node)}:${process.env['PATH']}`,
  };
  const run = (/** @type {string} */ program, /** @type {string[]} */ args) => {
    notify(
      `${program === node ? 'npm' : program} ${args.filter((arg) => !arg.endsWith('npm-cli.js')).join(' ')}`,
    );
    const done = spawnSync(program, args, { cwd: home, env, encoding: 'utf8', maxBuffer: 1e8 });
    if (done.status !== 0) {
      throw new Error(
        `${program} ${args.join(' ')} failed\n${done.stdout}\n${done.stderr || String(done.error)}`,
      );
    }
    return done.stdout;
  };
  try {
    const npm = [npmScript(), '--loglevel=error', '--no-audit', '--no-fund', '--global', '--prefix', prefix];
    run(node, [...npm, 'install', tarball]);
    const installedBytes = folderBytes(join(prefix, 'lib'));
    const version = run('tensorcell', ['version']).trim();
    run('tensorcell', ['install']);
    run('tensorcell', ['lab', '--prepare']);
    const tutorials = join(home, 'tensorcell-tutorials');
    const tutorial = run('tensorcell', ['run', join(tutorials, '01-first-network.ipynb')]).trim();
    const used = run('tensorcell', ['uninstall']);
    notify(used.trim().replaceAll('\n', '\n    '));
    run('tensorcell', ['uninstall', '--all']);
    run(node, [...npm, 'uninstall', 'tensorcell']);
    rmSync(tutorials, { recursive: true });
    const left = [home, prefix]
      .flatMap((place) =>
        readdirSync(place, { recursive: true, encoding: 'utf8' }).map((name) => join(place, name)),
      )
      .filter((path) => /tensorcell/i.test(path.slice(folder.length)));
    return { version, installedBytes, tutorial, left };
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}
