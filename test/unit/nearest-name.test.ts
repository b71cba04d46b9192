import { editDistance, nearestName } from '../../src/base/nearest-name.ts';

test.each([
  ['', '', 0],
  ['', 'cd', 2],
  ['device', 'device', 0],
  ['devcie', 'device', 1],
  ['kitten', 'sitting', 3],
  ['ca', 'abc', 3],
])('editDistance(%j, %j) is %i', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

const NAMES = ['device', 'gpu', 'time', 'env', 'cd', 'who', 'typecheck', 'install', 'bash'];

test.each([
  ['devcie', 'device'],
  ['dev', 'device'],
  ['tyme', 'time'],
  ['typechek', 'typecheck'],
  ['envs', 'env'],
  ['Device', 'device'],
  ['installs', 'install'],
  ['xyz', undefined],
  ['matplotlib', undefined],
])('nearestName(%j) is %j', (name, near) => {
  expect(nearestName(name, NAMES)).toBe(near);
});
