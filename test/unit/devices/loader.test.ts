import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  detectConfiguredFolders,
  detectLibraries,
  detectLibrary,
  parseLoaderCache,
} from '../../../src/machine/devices/loader.ts';
import { exists, readText, realPath } from '../../../src/machine/devices/machine.ts';
import type { Machine } from '../../../src/machine/devices/machine.ts';

let root: string;
const machine = (environment: Record<string, string> = {}): Machine => ({
  root,
  environment,
  architecture: 'x64',
  nodeVersion: '22.0.0',
  probeFile: '',
  now: () => 0,
});
const put = (path: string, text = ''): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const link = (path: string, target: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  symlinkSync(target, join(root, path));
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tensorcell-loader-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test('links are followed within the machine', () => {
  put('/opt/real/file', 'text');
  link('/etc/absolute', '/opt/real');
  link('/etc/relative', '../opt/real/file');
  link('/etc/loop', '/etc/loop');
  link('/etc/gone', '/nowhere');
  expect(realPath(machine(), '/etc/absolute/file')).toBe('/opt/real/file');
  expect(readText(machine(), '/etc/relative')).toBe('text');
  expect(realPath(machine(), '/etc/loop')).toBeUndefined();
  expect(exists(machine(), '/etc/gone')).toBe(false);
  expect(readText(machine(), '/opt/real')).toBeUndefined();
});

test('the order of ld.so: LD_LIBRARY_PATH, default folders, and last the folder that only we know', () => {
  for (const folder of ['/a', '/usr/lib/x86_64-linux-gnu', '/usr/lib/wsl/lib']) put(`${folder}/libx.so.1`);
  expect(detectLibraries(machine({ LD_LIBRARY_PATH: '/none:/a/' }), 'libx.so.1')).toEqual([
    { path: '/a/libx.so.1', realPath: '/a/libx.so.1', because: 'LD_LIBRARY_PATH' },
    {
      path: '/usr/lib/x86_64-linux-gnu/libx.so.1',
      realPath: '/usr/lib/x86_64-linux-gnu/libx.so.1',
      because: 'default folder',
    },
    { path: '/usr/lib/wsl/lib/libx.so.1', realPath: '/usr/lib/wsl/lib/libx.so.1', because: 'folder of WSL' },
  ]);
  rmSync(join(root, '/usr/lib/x86_64-linux-gnu'), { recursive: true });
  expect(detectLibrary(machine(), 'libx.so.1')).toBeUndefined();
});

test('ld.so.conf with includes', () => {
  put('/etc/ld.so.conf', '# first\ninclude /etc/ld.so.conf.d/*.conf\n/last\n');
  put('/etc/ld.so.conf.d/b.conf', '/two\n/three # why\n');
  put('/etc/ld.so.conf.d/a.conf', '/one');
  put('/etc/ld.so.conf.d/readme', '/never');
  expect(detectConfiguredFolders(machine())).toEqual(['/one', '/two', '/three', '/last']);
});

test('what is no loader cache has no entries', () => {
  expect(parseLoaderCache(Buffer.from('nothing of the kind'))).toEqual([]);
  expect(parseLoaderCache(Buffer.from('glibc-ld.so.cache1.1'))).toEqual([]);
});
