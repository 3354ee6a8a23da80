/** Jest runs the sources as they are: ES modules, types stripped by Node itself. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/(datastore|operator|crds|hack|charts)/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/hack/jest-strip-types.js' },
  testTimeout: 60_000,
};
