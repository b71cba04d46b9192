import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from '../../scripts/node-packages.mjs';
import { missingFromMachine, thisMachine } from '../../scripts/machine.mjs';
import { platformOf } from '../../scripts/complete-lock.mjs';

const linux = { platform: 'linux', musl: false };

test('Node 20.19, 22.12 and newer will do', () => {
  for (const node of ['20.19.0', '22.12.0', '24.0.0', '26.10.0']) {
    assert.equal(missingFromMachine({ node, ...linux }), undefined);
  }
  assert.match(
    missingFromMachine({ node: '20.18.3', ...linux })!,
    /^this is Node 20\.18\.3, .* 20\.19, 22\.12 or newer/,
  );
  for (const node of ['21.7.3', '22.11.0']) {
    assert.match(missingFromMachine({ node, ...linux })!, /needs 20\.19, 22\.12 or newer/);
  }
  assert.match(missingFromMachine({ node: '18.20.4', ...linux })!, /^this is Node 18\.20\.4/);
});

test('musl, Windows and other systems get a sentence with the way out', () => {
  const node = '22.12.0';
  assert.match(missingFromMachine({ node, platform: 'linux', musl: true })!, /musl.*use Debian/);
  assert.match(missingFromMachine({ node, platform: 'win32', musl: false })!, /WSL 2.*wsl --install/);
  assert.match(missingFromMachine({ node, platform: 'darwin', musl: false })!, /darwin.*Linux machine/);
});

test('this machine is told apart from one with musl', () => {
  assert.equal(missingFromMachine(thisMachine()), undefined);
});

test("npm's failures become one sentence where the reason is known", () => {
  assert.match(explain({ code: 'ENOENT' }, '')!, /npm was not found/);
  assert.match(explain(undefined, 'npm error code ENOTFOUND')!, /registry could not be reached/);
  assert.match(explain(undefined, 'npm error nospc ENOSPC: no space left on device')!, /disk is full/);
  assert.equal(explain(undefined, 'npm error code EINTEGRITY'), undefined);
});

test("a platform package's name says where it runs", () => {
  assert.deepEqual(platformOf('@swc/core-darwin-arm64'), { cpu: ['arm64'], os: ['darwin'] });
  assert.deepEqual(platformOf('@oxc-parser/binding-linux-x64-musl'), {
    cpu: ['x64'],
    libc: ['musl'],
    os: ['linux'],
  });
  assert.deepEqual(platformOf('@oxc-parser/binding-linux-arm-gnueabihf'), { cpu: ['arm'], os: ['linux'] });
});
