import { runtimesFolder, tensorcellHome } from '../../../src/base/home.ts';

test('TENSORCELL_HOME wins, then the XDG data folder, then .local/share of HOME', () => {
  expect(tensorcellHome({ TENSORCELL_HOME: '/a', XDG_DATA_HOME: '/b', HOME: '/c' })).toBe('/a');
  expect(tensorcellHome({ XDG_DATA_HOME: '/b', HOME: '/c' })).toBe('/b/tensorcell');
  expect(tensorcellHome({ HOME: '/c' })).toBe('/c/.local/share/tensorcell');
});

test('a relative XDG_DATA_HOME is ignored, as its specification demands', () => {
  expect(tensorcellHome({ XDG_DATA_HOME: 'b', HOME: '/c' })).toBe('/c/.local/share/tensorcell');
});

test('runtimes lie under the home', () => {
  expect(runtimesFolder({ TENSORCELL_HOME: '/a' })).toBe('/a/runtimes');
});
