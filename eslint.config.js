/**
 * Lint: what the compiler does not see. Imports point one way, the outside world comes in through one door (datastore/host),
 * no promise floats. The order of folders below is the one of datastore/ARCHITECTURE.md.
 */
import tseslint from 'typescript-eslint';

/** From the bottom up: a folder imports from lines above its own in this list; folders on one line do not know each other. */
export const layers = [
  ['host'],
  ['config', 'discovery'],
  ['journal'],
  ['merge'],
  ['replica'],
  ['keyspace'],
  ['membership', 'lease', 'watch', 'txn', 'auth'],
  ['store'],
  ['api', 'gossip', 'telemetry'],
  ['admin'],
];

/** The same for operator/, as in operator/ARCHITECTURE.md. Of the datastore it takes the host's clock and log, and the version. */
export const operatorLayers = [
  ['runtime', 'resource'],
  ['desired'],
  ['replica', 'certificates'],
  ['scale'],
  ['status', 'apply'],
  ['reconcile'],
];

/** `no-restricted-imports` for one folder of operator/. */
function operatorImports(folder) {
  const level = operatorLayers.findIndex((line) => line.includes(folder));
  const above = operatorLayers.slice(level).flat().filter((name) => name !== folder);
  const message = 'Imports point one way: see operator/ARCHITECTURE.md.';
  return ['error', {
    patterns: [
      ...(above.length === 0 ? [] : [{ regex: `^(\\.\\./)+(${above.join('|')})/`, message }]),
      { regex: '^(\\.\\./)+((main|operator|health)\\.ts$|e2e/|hack/|charts/)', message },
      { regex: '^(\\.\\./)+datastore/(?!host/)', message: 'The operator takes the host\'s clock, randomness and log from the datastore, nothing else.' },
      { regex: '/(testing|fake)/|/testing\\.ts$|\\.(test|bench|contract)\\.ts$', message: 'Only tests import what is there for tests.' },
    ],
  }];
}

const DOOR = 'Only datastore/host touches the outside world: take a Host.';

/** Node's modules through which time, randomness, disk and network come in. */
const outsideModules = [
  'fs', 'fs/promises', 'net', 'tls', 'dgram', 'dns', 'dns/promises', 'http', 'https', 'http2', 'worker_threads', 'child_process', 'cluster',
  'timers', 'timers/promises', 'perf_hooks',
];
const networkModules = ['net', 'tls', 'http', 'https', 'http2'];

/** Tests and what only they use: they may reach for files, sockets, the simulation. The program never imports them. */
const tests = ['**/*.test.ts', '**/*.bench.ts', '**/*.contract.ts', '**/testing.ts', '**/testing/**', '**/fake/**'];

/** `no-restricted-imports` for one folder: what lies above it, and the outside world but for `allowed` modules. */
function imports(folder, allowed) {
  const level = layers.findIndex((line) => line.includes(folder));
  const above = layers.slice(level).flat().filter((name) => name !== folder);
  const modules = outsideModules.filter((name) => !allowed.includes(name)).flatMap((name) => [name, `node:${name}`]);
  return ['error', {
    paths: [
      ...(allowed === everything ? [] : [
        ...modules.map((name) => ({ name, message: DOOR })),
        { name: 'node:crypto', importNames: ['randomBytes', 'randomUUID', 'randomInt', 'randomFillSync', 'getRandomValues', 'webcrypto'], message: DOOR },
        { name: 'ws', message: DOOR },
      ]),
    ],
    patterns: [
      ...(above.length === 0 ? [] : [{ regex: `^(\\.\\./)+(${above.join('|')})/`, message: 'Imports point one way: see datastore/ARCHITECTURE.md.' }]),
      { regex: '^(\\.\\./)+(main\\.ts$|operator/|e2e/|hack/)', message: 'Imports point one way: see datastore/ARCHITECTURE.md.' },
      { regex: '/(testing|fake)/|/testing\\.ts$|\\.(test|bench|contract)\\.ts$', message: 'Only tests import what is there for tests.' },
    ],
  }];
}

/** May import everything outside. */
const everything = outsideModules;

/** Exceptions, each with its reason. */
const doors = {
  host: everything, // it is the door
  api: networkModules, // api/transport is the client port: gRPC and HTTP are its subject, and simulations do not go through it
  admin: everything, // commands of a person at a terminal, not the server
};

const syntax = {
  enum: { selector: 'TSEnumDeclaration', message: 'Node strips types only: use a const object.' },
  default: { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
  now: { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: DOOR },
};

const outsideGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'performance', 'fetch', 'WebSocket'].map((name) => ({ name, message: DOOR }));
const outsideProperties = [
  { object: 'Date', property: 'now', message: DOOR },
  { object: 'Math', property: 'random', message: DOOR },
  { object: 'process', property: 'hrtime', message: DOOR },
  { object: 'process', property: 'exit', message: 'Only main.ts ends the process.' },
];

export default tseslint.config(
  { ignores: ['**/node_modules/', 'datastore/api/generated/', 'datastore/merge/schema/generated/', '.data/', 'coverage/', 'dist/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      // node:test collects what test() returns by itself.
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] }] }],
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/no-empty-function': 'off',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-restricted-syntax': ['error', syntax.enum, syntax.default],
      'no-console': 'off',
      'no-constant-condition': ['error', { checkLoops: false }],
      'prefer-const': ['error', { destructuring: 'all' }],
    },
  },
  {
    files: ['datastore/**/*.ts'],
    ignores: [...tests, 'datastore/host/**', 'datastore/admin/**', 'datastore/main.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': ['error', syntax.enum, syntax.default, syntax.now],
      'no-restricted-globals': ['error', ...outsideGlobals],
      'no-restricted-properties': ['error', ...outsideProperties],
    },
  },
  ...layers.flat().map((folder) => ({
    files: [`datastore/${folder}/**/*.ts`],
    ignores: tests,
    rules: { 'no-restricted-imports': imports(folder, doors[folder] ?? []) },
  })),
  ...operatorLayers.flat().map((folder) => ({
    files: [`operator/${folder}/**/*.ts`],
    ignores: tests,
    rules: {
      'no-restricted-imports': operatorImports(folder),
      'no-console': 'error',
      'no-restricted-syntax': ['error', syntax.enum, syntax.default, syntax.now],
      'no-restricted-globals': ['error', ...outsideGlobals],
      'no-restricted-properties': ['error', ...outsideProperties],
    },
  })),
  {
    files: ['**/*.ts'],
    ignores: tests,
    rules: { 'max-lines': ['warn', { max: 400, skipBlankLines: true }] },
  },
);
