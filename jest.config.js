const libs = 'adversarial|artifacts|change-detection|contracts|executors|onnx-autodiff|service-kit|serving|testbed';

/** @type {import('jest').Config} */
const shared = {
  testEnvironment: '<rootDir>/test/typed-array-environment.js',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { [`^#(${libs})$`]: '<rootDir>/libs/$1/index.ts', '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
};

/** Tests by need: `unit` needs nothing but Node and moments; `medium` starts real servers, or computes for many seconds; `e2e` runs the built processes; `long` computes for minutes, and is no part of `npm test`. */
export default {
  maxWorkers: '100%', // tests wait for processes more often than they compute
  testTimeout: 120_000, // a busy machine is no failure
  testSequencer: '<rootDir>/test/longest-first.js',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      roots: ['<rootDir>/libs', '<rootDir>/services', '<rootDir>/test'],
      testMatch: ['**/*.test.ts'],
      testPathIgnorePatterns: ['\\.(medium|e2e|engine|long)\\.test\\.ts$'],
    },
    {
      ...shared,
      displayName: 'medium',
      roots: ['<rootDir>/libs', '<rootDir>/services', '<rootDir>/test'],
      testMatch: ['**/*.medium.test.ts'],
    },
    { ...shared, displayName: 'e2e', roots: ['<rootDir>/test'], testMatch: ['**/*.e2e.test.ts'] },
    { ...shared, displayName: 'long', roots: ['<rootDir>/test'], testMatch: ['**/*.long.test.ts'] },
    {
      ...shared,
      displayName: 'engine',
      roots: ['<rootDir>/libs', '<rootDir>/services'],
      testMatch: ['**/*.engine.test.ts'],
    },
  ],
};
