import { exists, listFolder, readText } from '../devices/machine.ts';
import { NVML } from '../devices/nvml/report.ts';
import type { Check } from './check.ts';
import type { DoctorContext } from './context.ts';
import { findProgram } from './context.ts';
import { expectsNvidia } from './library-checks.ts';
import { broken, note, ok, slow } from './finding.ts';

/** Paths on the host that a CDI description (YAML or JSON) mounts or passes on. */
export function parseCdiPaths(text: string): string[] {
  const paths = [...text.matchAll(/["']?hostPath["']?\s*:\s*["']?([^"'\s,}\]]+)/g)].map(
    ([, path = '']) => path,
  );
  return [...new Set(paths)];
}

/** Mount points of `/proc/self/mountinfo` (fifth field). */
export function parseMountPoints(text: string): string[] {
  return text.split('\n').flatMap((line) => line.split(' ')[4] ?? []);
}

const inContainer = ({ inventory }: DoctorContext): boolean => inventory.system.container !== undefined;

/** Docker on this machine itself, by the file that starts it. */
const docker = ({ machine }: DoctorContext): string | undefined =>
  findProgram(machine, 'docker') ?? (exists(machine, '/snap/bin/docker') ? '/snap/bin/docker' : undefined);

export const containerChecks: readonly Check[] = [
  {
    code: 'container',
    look(context) {
      const { system, libcuda, dxg } = context.inventory;
      if (!system.container) return undefined;
      if (libcuda.length > 0)
        return ok(`this is a ${system.container} container with the driver's libraries`);
      const asked = context.machine.environment['NVIDIA_VISIBLE_DEVICES'];
      const reason =
        asked !== undefined && asked !== 'void' && asked !== 'none'
          ? ' although NVIDIA_VISIBLE_DEVICES requests them'
          : '';
      return expectsNvidia(context) || dxg !== 'absent'
        ? slow(
            `this ${system.container} container has no NVIDIA driver libraries${reason}`,
            'docker run --gpus all …   (on the container host; needs the NVIDIA Container Toolkit)',
          )
        : note(`this is a ${system.container} container without a GPU`);
    },
  },
  {
    code: 'container-driver-in-image',
    look(context) {
      const { libnvml, libcuda, nvml } = context.inventory;
      if (!inContainer(context)) return undefined;
      const mounts = parseMountPoints(readText(context.machine, '/proc/self/mountinfo') ?? '');
      if (mounts.length === 0) return undefined;
      const inImage = [libnvml[0], libcuda[0]].filter(
        (choice) =>
          choice !== undefined &&
          !mounts.some(
            (mount) =>
              mount !== '/' &&
              [choice.path, choice.realPath].some((path) => path === mount || path.startsWith(`${mount}/`)),
          ),
      );
      const first = inImage[0];
      // One of the two may be a link to a mounted file of another name: only a driver that fails is one from the image.
      const fails = nvml?.ok !== true || nvml.value.init !== NVML.success;
      if (!first || !fails) return undefined;
      return broken(
        `${first.realPath} comes with the image, not with the driver of the container host: the versions most likely do not match`,
        'remove driver packages (libnvidia-*, nvidia-driver-*) from the image',
      );
    },
  },
  {
    code: 'container-lost-gpu',
    look(context) {
      const { nvml } = context.inventory;
      if (!inContainer(context) || nvml?.ok !== true || nvml.value.init !== NVML.unknown) return undefined;
      return broken(
        'NVML fails with "Unknown Error" inside a container: the container host has most likely removed the devices (as a systemd reload does)',
        'recreate the container',
        'on the container host: NVIDIA Container Toolkit 1.18 or newer, with CDI',
      );
    },
  },
  {
    code: 'container-visible-devices',
    look(context) {
      const asked = context.machine.environment['NVIDIA_VISIBLE_DEVICES'];
      const { system, devices } = context.inventory;
      if (asked === undefined || !/^[\d,]+$/.test(asked) || system.kind !== 'wsl2') return undefined;
      const wanted = asked.split(',').filter(Boolean).length;
      const seen = devices.filter(({ vendor, id }) => vendor === 'NVIDIA' && id !== null).length;
      return seen > wanted
        ? note(
            `NVIDIA_VISIBLE_DEVICES=${asked} has no effect inside WSL: ${seen} GPUs are visible`,
            `export CUDA_VISIBLE_DEVICES=${asked}`,
          )
        : undefined;
    },
  },
  {
    code: 'docker-toolkit',
    look(context) {
      if (inContainer(context) || docker(context) === undefined || !expectsNvidia(context)) return undefined;
      const toolkit = ['nvidia-ctk', 'nvidia-container-runtime', 'nvidia-container-cli'].some(
        (name) => findProgram(context.machine, name) !== undefined,
      );
      return toolkit
        ? ok('Docker has the NVIDIA Container Toolkit')
        : note(
            'Docker is installed without the NVIDIA Container Toolkit: containers get no GPU ("could not select device driver")',
            'sudo apt-get install nvidia-container-toolkit',
            'sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker',
          );
    },
  },
  {
    code: 'docker-runtime',
    look(context) {
      if (inContainer(context) || findProgram(context.machine, 'nvidia-ctk') === undefined) return undefined;
      if (docker(context) === undefined) return undefined;
      const config = readText(context.machine, '/etc/docker/daemon.json');
      return config?.includes('nvidia')
        ? undefined
        : note(
            '/etc/docker/daemon.json does not name the runtime nvidia ("unknown or invalid runtime name"); with Docker Desktop, the file on Windows applies',
            'sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker',
          );
    },
  },
  {
    code: 'docker-snap',
    look(context) {
      const path = docker(context);
      if (path === undefined || inContainer(context) || context.inventory.system.kind !== 'wsl2')
        return undefined;
      const snap = path.startsWith('/snap/') || exists(context.machine, '/snap/docker/current');
      return snap
        ? note(
            "Docker comes from a snap, which cannot see WSL's libdxcore.so: its containers get no GPU",
            'sudo snap remove docker && sudo apt-get install docker.io',
          )
        : undefined;
    },
  },
  {
    code: 'container-cdi',
    look({ machine }) {
      const files = ['/etc/cdi', '/var/run/cdi', '/run/cdi'].flatMap((folder) =>
        listFolder(machine, folder)
          .filter((name) => /\.(ya?ml|json)$/.test(name))
          .map((name) => `${folder}/${name}`),
      );
      for (const file of files) {
        const gone = parseCdiPaths(readText(machine, file) ?? '').filter((path) => !exists(machine, path));
        if (gone.length > 0) {
          return note(
            `${file} names ${gone.length === 1 ? 'a file that is' : `${gone.length} files that are`} missing (${gone[0]}), as after a driver update: containers will not start`,
            `sudo nvidia-ctk cdi generate --output=${file}`,
          );
        }
      }
      return files.length > 0 ? ok(`${files.join(', ')} fits the driver`) : undefined;
    },
  },
];
