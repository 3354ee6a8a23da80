/** Where log lines go: --log-outputs, --log-format. */
import { appendFileSync, closeSync, openSync } from 'node:fs';

export interface LogSink {
  write(line: string): void;
  close(): void;
}

/** etcd's (zap's) console form of a JSON line: time, level, message and the rest as JSON, between tabs. */
export function consoleLine(json: string): string {
  try {
    const { level, ts, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
    const rest = Object.keys(fields).length === 0 ? '' : `\t${JSON.stringify(fields)}`;
    return `${String(ts)}\t${String(level)}\t${String(msg)}${rest}\n`;
  } catch {
    return json;
  }
}

/** Opens the outputs: stderr ('default' means it), stdout, files (appended to). Throws the file system's error. */
export function openLogSink(outputs: readonly string[], format: 'json' | 'console'): LogSink {
  const files = outputs.filter((output) => !['default', 'stderr', 'stdout'].includes(output)).map((path) => openSync(path, 'a', 0o600));
  const toStdout = outputs.includes('stdout');
  const toStderr = outputs.length === 0 || outputs.includes('default') || outputs.includes('stderr');
  return {
    write(json) {
      const line = format === 'json' ? json : consoleLine(json);
      if (toStderr) process.stderr.write(line);
      if (toStdout) process.stdout.write(line);
      for (const file of files) appendFileSync(file, line);
    },
    close: () => files.forEach(closeSync),
  };
}
