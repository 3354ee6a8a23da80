/** What went wrong at start, in one line for the person who started it. */

const errno: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use: another program listens there',
  EADDRNOTAVAIL: 'this machine does not have that address',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'no space left in this user\'s quota',
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is no folder',
  EISDIR: 'it is a folder, not a file',
  ENOTFOUND: 'the name cannot be resolved',
};

/** Errors that say by themselves what a person should do; by name, so that this file need not know who throws them. */
const selfExplanatory = new Set(['ConfigError', 'LockedError', 'DamagedError', 'NewerVersionError', 'DiskFullError', 'StaleDataError', 'RemovedError']);

/** A line for the person, or undefined if it is nothing that a person did: then the stack is wanted. */
export function startProblem(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (selfExplanatory.has(error.name)) return error.message;
  const { code, syscall, path, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const meaning = code === undefined ? undefined : errno[code];
  if (meaning !== undefined) {
    const where = path ?? (address === undefined ? undefined : port === undefined || port < 0 ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`);
    return `${where === undefined ? '' : `${where}: `}${meaning} (${[syscall, code].filter((part) => part !== undefined).join(' ')})`;
  }
  // OpenSSL's words for files that hold no certificate or key, or do not belong together.
  if (code?.startsWith('ERR_OSSL') === true) return `certificate or key: ${error.message}`;
  return undefined;
}
