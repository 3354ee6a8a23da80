/** Temporary directories of a test run. They are removed at the end, unless somebody wants to look (EDGESTORE_E2E_KEEP=1). */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of its own for one test; `await using dir = TempDir.create('x')` removes it when the scope ends. */
export class TempDir implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
    process.on('exit', this.removeAtExit);
  }

  /** Makes a fresh directory under the system's temporary one; `purpose` only makes its name readable. */
  static create(purpose: string): TempDir {
    return new TempDir(mkdtempSync(join(tmpdir(), `edgestore-e2e-${purpose}-`)));
  }

  /** The path of `parts` inside; nothing is made. */
  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Makes a directory inside and returns its path. */
  mkdir(...parts: string[]): string {
    const path = this.join(...parts);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  }

  /** An interrupted run leaves nothing behind either; programs in it have been killed by then (process.ts). */
  private readonly removeAtExit = (): void => this.remove();

  /** Removes all of it. Whoever runs in it must have been stopped before. */
  remove(): void {
    process.off('exit', this.removeAtExit);
    if (process.env['EDGESTORE_E2E_KEEP'] === '1') return;
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.remove();
  }
}
