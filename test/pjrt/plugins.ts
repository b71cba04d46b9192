// The CPU plugins that the tests run on, in the checkout's cache. The first run fetches them with pip.
import { join } from 'node:path';
import { Client, type ClientOptions } from '../../src/engines/pjrt/client.ts';
import { loadPlugin } from '../../src/engines/pjrt/c-api/plugin.ts';
import type { Release } from '../../src/machine/runtimes/catalogue.ts';
import { installRuntime } from '../../src/machine/runtimes/install.ts';
import { PJRT_CPU } from '../../src/machine/runtimes/plugins.ts';

const root = join(import.meta.dirname, '..', '..');

/** A second build of XLA's CPU plugin, from other people and with an older API, which only tests use. */
const SECOND: Release = {
  name: 'pjrt-cpu-second',
  version: '2026.6.23',
  tensorflow: '',
  summary: 'XLA on the CPU, as a PJRT plugin',
  wheels: [
    {
      project: 'fastatomstruct-xla-cpu',
      version: '2026.6.23',
      file: 'fastatomstruct_xla_cpu-2026.6.23-py3-none-manylinux_2_27_x86_64.whl',
      sha256: '88b1c430b341b4bea40a37420311c9c75db6e22b46d2ff95b6986577bee6afe9',
      bytes: 63_200_622,
      keep: [/^fastatomstruct_xla_cpu\/libpjrt_cpu\.so$/],
    },
  ],
  required: ['fastatomstruct_xla_cpu/libpjrt_cpu.so'],
  installedBytes: 274_000_000,
};

export interface TestPlugin {
  name: string;
  file: string;
  /** Why its tests are skipped; false when it is there. */
  skip: string | false;
}

async function install(release: Release): Promise<TestPlugin> {
  const [library = ''] = release.required;
  try {
    const installed = await installRuntime(release, {
      environments: [join(root, '.venv')],
      environment: { ...process.env, TENSORCELL_HOME: join(root, '.cache', 'pjrt') },
      say: () => undefined,
      progress: () => undefined,
    });
    return { name: release.name, file: join(installed.path, library), skip: false };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { name: release.name, file: '', skip: `the PJRT plugin ${release.name} is not there: ${why}` };
  }
}

/** Both plugins; one that cannot be fetched has the reason to skip. */
export async function testPlugins(): Promise<TestPlugin[]> {
  return [await install(PJRT_CPU), await install(SECOND)];
}

/** A client of a plugin; the caller closes it. */
export function openClient({ file }: TestPlugin, options: ClientOptions = {}): Client {
  return new Client(loadPlugin(file), options);
}
