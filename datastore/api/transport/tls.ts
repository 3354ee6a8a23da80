/** Certificates from files, read again when they change (cert-manager renews them in place). */
import { type TlsOptions, createSecureContext } from 'node:tls';
import type { TlsFiles } from '../../config/settings.ts';
import type { Clock, Timer } from '../../host/host.ts';
import type { Logger } from '../../host/log.ts';

export type ReadFile = (path: string) => Promise<Buffer>;

/** How often the files are compared with what is in use. */
const pollMs = 10_000;

export class Certificates {
  readonly #paths: TlsFiles;
  readonly #readFile: ReadFile;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #listeners = new Set<() => void>();
  #current: TlsOptions = {};
  #timer: Timer | null = null;

  private constructor(paths: TlsFiles, readFile: ReadFile, clock: Clock, log: Logger) {
    this.#paths = paths;
    this.#readFile = readFile;
    this.#clock = clock;
    this.#log = log;
  }

  /** Reads the files; rejects if one is missing. */
  static async open(paths: TlsFiles, readFile: ReadFile, clock: Clock, log: Logger): Promise<Certificates> {
    const certificates = new Certificates(paths, readFile, clock, log);
    certificates.#current = await certificates.#load();
    certificates.#poll();
    return certificates;
  }

  options(): TlsOptions {
    return this.#current;
  }

  /** Calls `fn` after each change; returns how to stop that. */
  onChange(fn: () => void): () => void {
    this.#listeners.add(fn);
    return () => this.#listeners.delete(fn);
  }

  /** Compares now. A file that cannot be read, or a key that does not fit, leaves the old ones in use. */
  async reload(): Promise<void> {
    try {
      const next = await this.#load();
      if (same(next, this.#current)) return;
      this.#current = next;
      for (const fn of this.#listeners) fn();
      this.#log.info('certificates changed and are in use');
    } catch (error) {
      this.#log.warn('certificates cannot be read; the old ones stay in use', { error: (error as Error).message });
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#listeners.clear();
  }

  async #load(): Promise<TlsOptions> {
    const { certFile, keyFile, trustedCaFile, clientCertAuth, minVersion, maxVersion, cipherSuites } = this.#paths;
    const [cert, key, ca] = await Promise.all([
      this.#readFile(certFile),
      this.#readFile(keyFile),
      trustedCaFile === '' ? undefined : this.#readFile(trustedCaFile),
    ]);
    // etcd insists on a client certificate with --client-cert-auth, and whenever a CA is named.
    const verify = clientCertAuth || ca !== undefined;
    const suites = cipherSuites.length === 0 ? {} : { ciphers: cipherSuites.join(':') };
    const options = { cert, key, minVersion, maxVersion, requestCert: verify, rejectUnauthorized: verify, ...suites, ...(ca === undefined ? {} : { ca }) };
    createSecureContext(options);
    return options;
  }

  #poll(): void {
    this.#timer = this.#clock.after(pollMs, () => {
      void this.reload().finally(() => {
        if (this.#timer !== null) this.#poll();
      });
    });
  }
}

function same(a: TlsOptions, b: TlsOptions): boolean {
  return (['cert', 'key', 'ca'] as const).every((name) => String(a[name]) === String(b[name]));
}
