import { isOff, parseIni, parseSizeBytes } from '../../../src/machine/devices/ini.ts';
import {
  parseContainer,
  parseCpuInfo,
  parseKernelRelease,
  parseMemoryInfo,
  parseOsRelease,
} from '../../../src/machine/devices/system.ts';

test.each([
  ['4.4.0-19041-Microsoft\n', 1, [4, 4, 0]],
  ['4.4.0-22621-Microsoft', 1, [4, 4, 0]],
  ['5.15.167.4-microsoft-standard-WSL2\n', 2, [5, 15, 167]],
  ['6.6.36.3-microsoft-standard-WSL2+', 2, [6, 6, 36]],
  ['5.10.16.3-microsoft-standard', 2, [5, 10, 16]],
  ['6.8.0-48-generic', undefined, [6, 8, 0]],
  ['6.1', undefined, [6, 1, 0]],
  ['', undefined, undefined],
])('kernel release %j', (text, wsl, version) => {
  expect(parseKernelRelease(text)).toEqual({ release: text.trim(), wsl, version });
});

test('os-release with and without quotes', () => {
  expect(parseOsRelease(`PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n# no\nX='y'\n`)).toEqual({
    PRETTY_NAME: 'Debian GNU/Linux 12 (bookworm)',
    ID: 'debian',
    X: 'y',
  });
});

test('cpuinfo of x86 and of ARM', () => {
  const x86 =
    'processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nflags\t\t: fpu avx avx2\n\nprocessor\t: 1\nmodel name\t: Some CPU @ 2.00GHz\nflags\t\t: fpu avx avx2\n';
  expect(parseCpuInfo(x86)).toEqual({
    model: 'Some CPU @ 2.00GHz',
    processors: 2,
    flags: new Set(['fpu', 'avx', 'avx2']),
  });
  const arm = 'processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n';
  expect(parseCpuInfo(arm)).toEqual({ model: null, processors: 1, flags: new Set(['fp', 'asimd']) });
  expect(parseCpuInfo('')).toEqual({ model: null, processors: 0, flags: new Set() });
});

test('meminfo counts in KiB, and what is missing is null', () => {
  expect(parseMemoryInfo('MemTotal:       16309568 kB\nMemAvailable:   12231680 kB\n')).toEqual({
    totalBytes: 16_309_568 * 1024,
    availableBytes: 12_231_680 * 1024,
    swapTotalBytes: null,
  });
});

const bare = { dockerenv: false, containerenv: false, variable: undefined, kubernetes: false, cgroup: '' };

test.each([
  [{}, undefined],
  [{ dockerenv: true }, 'docker'],
  [{ containerenv: true, variable: 'podman' }, 'podman'],
  [{ dockerenv: true, kubernetes: true }, 'kubernetes'],
  [{ cgroup: '12:pids:/docker/0123abcd\n' }, 'docker'],
  [{ cgroup: '0::/system.slice/containerd-0123.scope' }, 'docker'],
  [{ cgroup: '0::/kubepods/besteffort/pod1' }, 'kubernetes'],
  [{ cgroup: '0::/user.slice/user-1000.slice' }, undefined],
  [{ variable: 'wsl' }, undefined],
  [{ variable: 'systemd-nspawn' }, 'systemd-nspawn'],
  [{ variable: 'flatpak' }, 'container'],
])('container %j is %j', (facts, kind) => {
  expect(parseContainer({ ...bare, ...facts })).toBe(kind);
});

test('ini files of WSL', () => {
  const text =
    '\u{feff}# mine\r\n[WSL2]\r\nMemory = 8GB # half\r\nkernel=C:\\\\k\\\\v\r\nswapFile="C:\\\\s.vhdx"\r\n\r\n[gpu]\r\nenabled=False\r\nbroken line\r\n=x\r\n';
  expect(parseIni(text)).toEqual({
    wsl2: { memory: '8GB', kernel: 'C:\\\\k\\\\v', swapfile: 'C:\\\\s.vhdx' },
    gpu: { enabled: 'False' },
  });
  expect([isOff('False'), isOff('0'), isOff('true'), isOff(undefined)]).toEqual([true, true, false, false]);
});

test.each([
  ['8GB', 8 * 1024 ** 3],
  ['512 mb', 512 * 1024 ** 2],
  ['1.5G', 1.5 * 1024 ** 3],
  ['1073741824', 1024 ** 3],
  ['half', undefined],
])('size %j is %j', (text, bytes) => {
  expect(parseSizeBytes(text)).toBe(bytes);
});
