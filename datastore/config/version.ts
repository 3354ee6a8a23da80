/** EdgeStore's own version: package.json's (a test compares them). */
export const EDGESTORE_VERSION = '0.1.0';

/** The etcd release whose behaviour the API implements: Status, /version and --version say so. kube-apiserver parses it. */
export const ETCD_API_LEVEL = '3.7.3';

/** What `--version` prints; the first line is etcd's, for scripts that read it. */
export function versionText(node: string, platform: string): string {
  return [
    `etcd Version: ${ETCD_API_LEVEL}`,
    `EdgeStore Version: ${EDGESTORE_VERSION}`,
    `Node Version: ${node}`,
    `OS/Arch: ${platform}`,
  ].join('\n');
}
