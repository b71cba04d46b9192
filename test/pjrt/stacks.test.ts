import assert from 'node:assert/strict';
import type * as koffiModule from 'koffi';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { loadPlugin } from '../../src/engines/pjrt/c-api/plugin.ts';
import { loadTensorflow } from '../../src/engines/tensorflow/loading.ts';
import { testPlugins } from './plugins.ts';

const [plugin] = await testPlugins();

test(
  'a cell that used koffi first costs the plugins, with the reason, and not TensorFlow',
  { skip: plugin!.skip },
  () => {
    const koffi = createRequire(import.meta.url)('koffi') as typeof koffiModule;
    koffi.load(null);
    assert.ok(loadTensorflow());
    assert.throws(() => loadPlugin(plugin!.file), {
      name: 'PjrtError',
      code: 'BAD_PLUGIN',
      message:
        /a cell has loaded a library with koffi before, and XLA needs larger stacks .* Restart the kernel/,
    });
  },
);
