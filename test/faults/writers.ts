/** Every writer of a whole file: what it writes to a path, for each version other bytes. */
import type * as Tf from '@tensorflow/tfjs';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writefile } from '../../kernel/magics/show.ts';
import { install } from '../../cli/install.ts';
import { saveNotebook } from '../../cli/run.ts';
import { findSetting, saveSetting } from '../../src/machine/devices/settings.ts';
import { writeTogether, writeWhole } from '../../src/base/files/index.ts';
import { chooseRuntime } from '../../src/machine/runtimes/store.ts';
import { save as saveSafetensors } from '../../src/interop/safetensors/index.ts';
import { Profile } from '../../src/api/profile/profile.ts';
import {
  BackupAndRestore,
  installTraining,
  ModelCheckpoint,
  progressMode,
  saveModel,
  saveWeights,
} from '../../src/training/index.ts';
import { tfInstance } from '../../src/tfjs/instance.ts';

const tf = tfInstance();

tf.env().set('IS_TEST', true);
installTraining(tf);
progressMode('quiet');

export function model(seed: number): Tf.LayersModel {
  const made = tf.sequential({
    layers: [
      tf.layers.dense({
        inputShape: [64],
        units: 96,
        kernelInitializer: tf.initializers.randomNormal({ seed }),
      }),
      tf.layers.dense({ units: 1 }),
    ],
  });
  made.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
  return made;
}

export async function fitWith(callback: object, epochs = 2): Promise<void> {
  const x = tf.ones([4, 64]);
  const y = tf.ones([4, 1]);
  await model(3).fit(x, y, { epochs, callbacks: callback as never });
}

export const text = 'x'.repeat(40_000);

const packages = mkdtempSync(join(tmpdir(), 'tensorcell-dist-'));
process.on('exit', () => rmSync(packages, { recursive: true, force: true }));
/** Folders of bundles, each with another logo. */
const dists = [0, 1, 2, 3].map((version) => {
  const dist = join(packages, `dist-${version}`);
  mkdirSync(join(dist, 'logo'), { recursive: true });
  writeFileSync(join(dist, 'logo', 'logo.svg'), `${version} ${text}`);
  return dist;
});

/** Writes a version of a file; each call of one writer writes other bytes. */
export type Writer = (target: string, version: number) => Promise<void> | void;

/** By the name of the file that it makes in an empty folder. */
export const WRITERS: Record<string, Writer> = {
  'model.keras': async (target, version) => saveModel(model(version), target),
  'a model.weights.h5': async (target, version) => saveWeights(model(version), target),
  'folder of tfjs': async (target, version) => saveModel(model(version), target),
  'checkpoint.keras': async (target) => fitWith(new ModelCheckpoint(target)),
  'checkpoint.weights.h5': async (target) => fitWith(new ModelCheckpoint(target, { saveWeightsOnly: true })),
  'checkpoint folder': async (target) => fitWith(new ModelCheckpoint(target)),
  backup: async (target, version) =>
    fitWith(new BackupAndRestore(target, { deleteCheckpoint: false }), version),
  'a.safetensors': (target, version) =>
    saveSafetensors(target, { w: Float32Array.from({ length: 9000 }, () => version) }),
  'profile.json': async (target, version) =>
    Profile.prototype.save.call({ trace: () => ({ version, text }) } as never, target),
  'run.ipynb': (target, version) =>
    saveNotebook(
      {
        cells: [{ cell_type: 'code', source: text, metadata: { version } }],
        metadata: {},
        nbformat: 4,
        nbformat_minor: 5,
      },
      target,
    ),
  '%%writefile': async (target, version) =>
    void (await writefile.run({
      body: `${version} ${text}`,
      line: JSON.stringify(target),
      output: { stdout: async () => undefined },
      session: { directory: '/', environment: {} },
    } as never)),
  '%%writefile -a': async (target, version) =>
    void (await writefile.run({
      body: `${version} ${text}`,
      line: `-a ${JSON.stringify(target)}`,
      output: { stdout: async () => undefined },
      session: { directory: '/', environment: {} },
    } as never)),
  'config.json': (target, version) => saveSetting(target, findSetting('memory-limit'), 1000 + version),
  'home with a chosen runtime': (target, version) =>
    chooseRuntime({ runtime: `cpu-${version}` }, { TENSORCELL_HOME: target }),
  'kernelspec and its record': (target, version) => {
    const before = process.env['TENSORCELL_HOME'];
    process.env['TENSORCELL_HOME'] = join(target, 'home');
    try {
      install({ dist: dists[version] } as never, { prefix: join(target, 'prefix') });
    } finally {
      if (before === undefined) delete process.env['TENSORCELL_HOME'];
      else process.env['TENSORCELL_HOME'] = before;
    }
  },
  'file of parts': (target, version) => writeWhole(target, [Buffer.alloc(5000, version), Buffer.from(text)]),
  'two files together': (target, version) =>
    writeTogether([
      [join(target, 'a'), `${version} ${text}`],
      [join(target, 'b'), `${version} ${text}`],
    ]),
};
