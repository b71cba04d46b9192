import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeWhole } from '../src/base/files/index.ts';
import { historyPath, historySwitch, tensorcellHome } from '../src/base/home.ts';
import { SetupError } from '../src/machine/runtimes/python.ts';
import { formatFileSize } from '../src/base/text/bytes.ts';

/** The database, SQLite's files next to it, and damaged ones that were put aside. */
function historyFiles(): string[] {
  const path = historyPath();
  const file = path === ':memory:' ? join(tensorcellHome(), 'history.sqlite') : path;
  const folder = dirname(file);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(basename(file)))
    .map((name) => join(folder, name));
}

/** `tensorcell history [on|off|clear]`: whether what is run is kept for later sessions, and where. */
export function historyCommand(action: string | undefined): number {
  const file = historySwitch();
  switch (action) {
    case undefined: {
      const path = historyPath();
      const bytes = historyFiles().reduce((sum, each) => sum + statSync(each).size, 0);
      if (path === ':memory:') console.log('off: the history of a kernel is not kept after it ends');
      else console.log(`on: history is kept in ${path}`);
      if (bytes > 0)
        console.log(`kept so far: ${formatFileSize(bytes)} (tensorcell history clear deletes it)`);
      return 0;
    }
    case 'off':
      writeWhole(file, '');
      console.log(
        'off from the next kernel start; the history kept so far remains: delete it with tensorcell history clear',
      );
      return 0;
    case 'on':
      rmSync(file, { force: true });
      console.log('on from the next kernel start');
      return 0;
    case 'clear': {
      const files = historyFiles();
      for (const each of files) rmSync(each);
      console.log(files.length === 0 ? 'there is no history' : `deleted ${files.join(', ')}`);
      return 0;
    }
    default:
      throw new SetupError('usage', `unknown command "history ${action}": use on, off or clear`);
  }
}
