/** A tree of files that becomes one layer: entries by path, with the folders that lead to them. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { TarEntry } from './tar.ts';

export class Tree {
  private readonly entries = new Map<string, TarEntry>();

  /** A file; what it contains is `content`. */
  file(path: string, content: Uint8Array | string, mode = 0o644): void {
    this.parents(path);
    this.entries.set(path, { path, kind: 'file', mode, data: Buffer.from(content) });
  }

  /** The file `source` of this machine. Who owns it and when it was written is left behind. */
  copy(path: string, source: string): void {
    const executable = (statSync(source).mode & 0o111) !== 0;
    this.file(path, readFileSync(source), executable ? 0o755 : 0o644);
  }

  /** All files below the folder `source` that `wanted` accepts (paths relative to it). Symbolic links are not followed, nor kept. */
  copyFolder(path: string, source: string, wanted: (path: string) => boolean): void {
    for (const found of readdirSync(source, { recursive: true, withFileTypes: true })) {
      const full = join(found.parentPath, found.name);
      const relative = full.slice(source.length + 1);
      if (found.isFile() && wanted(relative)) this.copy(`${path}/${relative}`, full);
    }
  }

  link(path: string, target: string): void {
    this.parents(path);
    this.entries.set(path, { path, kind: 'link', mode: 0o777, target });
  }

  directory(path: string, mode = 0o755, owner = 0): void {
    this.parents(path);
    this.entries.set(path, { path, kind: 'directory', mode, owner });
  }

  /** In the order of their paths' bytes, so that a folder comes before what is in it. */
  sorted(): TarEntry[] {
    return [...this.entries.values()].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  }

  private parents(path: string): void {
    const parts = path.split('/').slice(0, -1);
    parts.forEach((_, i) => {
      const parent = parts.slice(0, i + 1).join('/');
      if (!this.entries.has(parent)) this.entries.set(parent, { path: parent, kind: 'directory', mode: 0o755 });
    });
  }
}
