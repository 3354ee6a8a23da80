/** The end-to-end suites: what each needs and how it is started. */

export interface Suite {
  readonly name: string;
  /** What it shows, for people. */
  readonly about: string;
  /** Groups of programs that e2e/tools/setup.sh builds. */
  readonly tools: readonly string[];
  /** Groups of packages that e2e/tools/debian.sh installs; they need root. */
  readonly debian: readonly string[];
  /** Needs root for itself (mounts, network namespaces). */
  readonly root: boolean;
  /** Only with --long. */
  readonly long: boolean;
  readonly limit_minutes: number;
  /** Arguments for node, from the checkout's root. */
  readonly args: readonly string[];
}

const suite = (name: string, about: string, args: readonly string[], limit_minutes: number, more: Partial<Suite> = {}): Suite =>
  ({ name, about, args, limit_minutes, tools: [], debian: [], root: false, long: false, ...more });

/** In the order in which they run: what fails fast comes first. */
export const suites: readonly Suite[] = [
  suite('helpers', 'The tests of the end-to-end tests\' own helpers', ['--test', 'e2e/**/*.test.ts'], 3),
  suite('compatibility/common', 'etcd\'s own black-box tests, with etcd\'s own client', ['e2e/compatibility/common/main.ts'], 25, { tools: ['etcd', 'etcd-suite'] }),
];
