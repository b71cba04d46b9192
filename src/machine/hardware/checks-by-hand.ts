import type { CheckSection } from './check.ts';

/** Checks that need a person: failures that are provoked, containers, Windows, editors, Python. */
export const CHECKS_BY_HAND: readonly CheckSection[] = [
  {
    title: 'Provoked failures',
    checks: [
      {
        title: 'GPU off for a distribution',
        command: '`[gpu] enabled=false` in `/etc/wsl.conf`, `wsl --shutdown`, `tensorcell doctor`',
        expected: '`wsl-conf-gpu` and `dxg`; exit code 1',
      },
      {
        title: 'a Linux driver inside WSL',
        command: '`sudo apt-get install libnvidia-compute-535`, `tensorcell doctor`',
        expected: '`linux-driver`; exit code 2',
      },
      {
        title: 'the stub library',
        command: '`LD_LIBRARY_PATH=/usr/local/cuda/lib64/stubs tensorcell doctor`',
        expected: '`libcuda-stub`; exit code 2',
      },
      {
        title: 'an old driver',
        command: 'a driver before 525 on Windows',
        expected: '`driver-version`; exit code 2',
      },
      {
        title: 'data on a Windows drive',
        command: '`cd /mnt/c && tensorcell doctor`',
        expected: '`data-folder`; exit code 1',
      },
    ],
  },
  {
    title: 'The container image',
    text: '`test/container` built the image with buildah and chroot isolation on a Debian base from mmdebstrap; its JupyterLab ran the first tutorial, and its health check answered (22 November 2026). That machine could not pull the base image that the `Dockerfile` names by digest, and had no Docker engine: `docker build`, `docker run`, the image for NVIDIA cards and `compose.yaml` are untested.',
    checks: [
      {
        title: 'the image for the CPU',
        command: '`docker build -t tensorcell .`, `docker run --rm -p 127.0.0.1:8888:8888 tensorcell`',
        expected: "JupyterLab's address with a token; the first tutorial runs",
      },
      {
        title: 'the image for NVIDIA cards',
        command:
          '`docker build --build-arg RUNTIME=cuda -t tensorcell-cuda .`, `docker run --rm --gpus all … tensorcell-cuda`',
        expected: '`%device` names the card',
      },
      {
        title: 'its health check',
        command: "`docker inspect --format '{{.State.Health.Status}}' …` after a minute",
        expected: '`healthy`',
      },
      {
        title: 'compose',
        command: '`docker compose up`; `docker compose --profile gpu up gpu`',
        expected: 'as above; notebooks survive `docker compose down`',
      },
    ],
  },
  {
    title: 'Windows and editors',
    checks: [
      {
        title: "the student's guide",
        command: 'every step of [wsl-student.md](wsl-student.md)',
        expected: 'the results in the guide',
      },
      {
        title: "the professional's guide",
        command: 'every step of [wsl-professional.md](wsl-professional.md)',
        expected: 'the results in the guide',
      },
      {
        title: 'VS Code in WSL',
        command: 'the steps of [editors.md](editors.md)',
        expected: 'the kernel is listed, runs, completes, interrupts',
      },
      {
        title: 'Zed',
        command: 'the same',
        expected: 'a selection runs, its output appears next to it',
      },
      {
        title: 'a CPU that is not x86-64',
        command: '`npm install`, `tensorcell run` on Linux on arm64',
        expected: "zeromq's addon loads; tf runs in JavaScript",
      },
    ],
  },
  {
    title: 'Python on the same card',
    checks: [
      {
        title: 'both sides on one card',
        command: '`%%python` with `import torch; x = torch.ones(1000, 1000, device="cuda")`, then `%device`',
        expected: "Python's torch with its CUDA, `cuda:0` and its memory, next to TypeScript's",
      },
      {
        title: 'one side took all',
        command: 'a tensor of nearly the whole card in Python, then `%device`',
        expected: 'a warning that TypeScript will run out of memory',
      },
      {
        title: 'a tensor on the card',
        command: "`await python.get('x')`",
        expected: "the values, as a tensor: it is copied through the computer's memory",
      },
      {
        title: 'torch-directml in WSL',
        command: '`%%python` with `import torch_directml`, then `%device`',
        expected: 'its adapters',
      },
    ],
  },
];
