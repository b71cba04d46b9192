/**
 * The pages' commands, as they stand there: every block marked `sh test` is run in order in a user's empty home, and what
 * it prints is compared with the block of `text` that follows, line by line (`…` stands for anything).
 */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { packageVersion, root, runtimes, TestHome } from './installed-package.ts';

interface Command {
  page: string;
  line: number;
  script: string;
  expected: string[];
}

/** The blocks to run of a page, each with what the page says that it prints. */
function commandsOf(page: string): Command[] {
  const lines = readFileSync(join(root, 'docs', page), 'utf8').split('\n');
  const blocks: { language: string; line: number; text: string[] }[] = [];
  let open: (typeof blocks)[number] | undefined;
  for (const [at, line] of lines.entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (!fence) open?.text.push(line);
    else if (open) {
      blocks.push(open);
      open = undefined;
    } else open = { language: fence[1]!, line: at + 1, text: [] };
  }
  return blocks.flatMap(({ language, line, text }, at) => {
    if (language !== 'sh test') return [];
    const next = blocks[at + 1];
    return [{ page, line, script: text.join('\n'), expected: next?.language === 'text' ? next.text : [] }];
  });
}

const user = new TestHome();
after(() => user.remove());

/** Lines of a page in the order in which they have to be printed; others may stand between. */
function assertPrinted(command: Command, output: string): void {
  let rest = output.split('\n');
  for (const wanted of command.expected) {
    const pattern = new RegExp(
      `^${wanted
        .trim()
        .split('…')
        .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`))
        .join('.*')}$`,
    );
    const at = rest.findIndex((line) => pattern.test(line.trim()));
    assert.ok(
      at >= 0,
      `docs/${command.page}:${command.line} says "${wanted}", and this was printed:\n${output}`,
    );
    rest = rest.slice(at + 1);
  }
}

// The page that installs and removes comes around the others.
const install = commandsOf('install.md');
const removal = install.findIndex(({ script }) => script.startsWith('tensorcell uninstall'));
const others = readdirSync(join(root, 'docs'))
  .filter((page) => page.endsWith('.md') && page !== 'install.md')
  .flatMap((page) => commandsOf(page));
const all = [...install.slice(0, removal), ...others, ...install.slice(removal)];

test('the commands of the pages do what the pages say', { timeout: 500_000 }, () => {
  assert.ok(removal > 0 && others.length > 0);
  const { tarball } = user.pack();
  assert.equal(basename(tarball), `tensorcell-${packageVersion()}.tgz`);
  copyFileSync(tarball, join(user.home, basename(tarball)));
  mkdirSync(join(user.own, 'runtimes'), { recursive: true });
  symlinkSync(join(runtimes, 'cpu-2.21.0'), join(user.own, 'runtimes/cpu-2.21.0'));
  for (const command of all) {
    const done = user.run('bash', ['-euc', command.script], { npm_config_prefix: user.prefix });
    const where = `docs/${command.page}:${command.line}`;
    console.log(`${where}: ${command.script.split('\n')[0]}`);
    assert.equal(done.code, 0, `${where}\n${command.script}\n${done.out}\n${done.err}`);
    assertPrinted(command, done.out);
  }
});

test('pages that name a tarball name the one of this version', () => {
  const named = readdirSync(join(root, 'docs'))
    .filter((page) => page.endsWith('.md'))
    .flatMap(
      (page) => readFileSync(join(root, 'docs', page), 'utf8').match(/tensorcell-\d[\w.-]*\.tgz/g) ?? [],
    );
  assert.deepEqual([...new Set(named)], [`tensorcell-${packageVersion()}.tgz`]);
});
