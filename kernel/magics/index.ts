import { currentMachine, warmDevices } from '../../src/machine/devices/index.ts';
import type { MagicRegistry } from '../contracts/magics.ts';
import { bash, command, sh } from './command.ts';
import { config } from './config.ts';
import { cd, pwd } from './directory.ts';
import { device } from './device.ts';
import { doctor } from './doctor.ts';
import { env, unsetEnv } from './environment.ts';
import { install, npmMagic } from './install.ts';
import { lsmagic } from './lsmagic.ts';
import { memory } from './memory.ts';
import type { MagicSurroundings } from './registry.ts';
import { Registry } from './registry.ts';
import { python } from './python.ts';
import { restart } from './restart.ts';
import { shownCells, writefile } from './show.ts';
import { tidy } from './tidy.ts';
import { time } from './time.ts';
import { training } from './training.ts';
import { typecheck } from './typecheck.ts';
import { who } from './who.ts';

/** Does what a first `%device` would wait for: the process that asks NVIDIA's driver, and a first look. */
export function warmMagics(): void {
  void warmDevices(currentMachine());
}

/**
 * All magics. `surroundings` say where completion looks for paths and names; by default this process's own folder and
 * environment.
 */
export function createMagicRegistry(surroundings: Partial<MagicSurroundings> = {}): MagicRegistry {
  const registry = new Registry({
    directory: surroundings.directory ?? (() => process.cwd()),
    environment: surroundings.environment ?? (() => process.env),
  });
  registry.add(
    command,
    bash,
    sh,
    cd(),
    config,
    pwd,
    device(),
    doctor(),
    env,
    unsetEnv,
    install,
    npmMagic,
    lsmagic(registry),
    memory(),
    python,
    restart,
    tidy,
    time,
    training,
    typecheck,
    who,
    writefile,
    ...shownCells,
  );
  return registry;
}
