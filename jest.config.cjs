// Units run as CommonJS through swc: jest's ES module mode sandboxes globals and is risky with native addons.
// Whatever needs a real process, socket or browser is not a jest test: see test/README.md.
module.exports = {
  testMatch: ['<rootDir>/test/unit/**/*.test.ts'],
  testEnvironment: 'node',
  transform: {
    '^.+\\.(ts|mts|mjs)$': [
      '@swc/jest',
      {
        jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true } },
        module: { type: 'commonjs' },
        sourceMaps: 'inline',
      },
    ],
  },
  // All cores: on two, jest's default is one worker.
  maxWorkers: '100%',
  // Jest reads what lies here, and no Python environment or build.
  roots: ['cli', 'kernel', 'runtime', 'scripts', 'src', 'test'].map((folder) => `<rootDir>/${folder}`),
  // Copies of packages' declarations lie there, which jest would take for the packages.
  modulePathIgnorePatterns: ['<rootDir>/.cache/'],
  extensionsToTreatAsEsm: [],
  moduleFileExtensions: ['ts', 'mjs', 'js', 'json', 'node'],
  testTimeout: 20_000,
};
