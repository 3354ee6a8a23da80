/** The configuration of one process: from flags, environment or a config file to `Settings`. */
import { ConfigError } from './errors.ts';
import type { OptionName } from './options.ts';
import { findOption } from './options.ts';
import { environmentName, fromEnvironment, fromFile, fromFlags } from './sources.ts';
import { settingsFrom } from './settings.ts';
import type { Settings } from './settings.ts';

export interface Configuration {
  readonly settings: Settings;
  /** Options that were given, by name and text. */
  readonly given: ReadonlyMap<string, string>;
  /** Names that were given and have no effect here: logged once. */
  readonly withoutEffect: readonly string[];
  /** For the log, once there is one. */
  readonly warnings: readonly string[];
  /** The config file that all comes from, if one was named. */
  readonly configFile: string | undefined;
}

export type Command = { readonly type: 'help' } | { readonly type: 'version' } | ({ readonly type: 'serve' } & Configuration);

/**
 * Reads a command line. As in etcd, a config file replaces flags and environment altogether.
 * @param readText reads a text file; its errors become ConfigErrors.
 * Throws ConfigError.
 */
export function configure(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  readText: (path: string) => string,
): Command {
  const flags = fromFlags(args);
  if (flags.values.has('help')) return { type: 'help' };
  if (flags.values.get('version') === 'true') return { type: 'version' };
  const configFile = flags.values.get('config-file') || environment[environmentName('EDGESTORE', 'config-file')] || environment[environmentName('ETCD', 'config-file')];

  const given = configFile === undefined ? fromEnvironment(environment, flags.values) : fromFile(contents(configFile, readText));
  if (configFile === undefined) {
    for (const [name, value] of flags.values) given.values.set(name, value);
    for (const name of flags.ignored) given.ignored.add(name);
  }
  const withoutEffect = [...given.values.keys()].filter((name) => findOption(name as OptionName)?.effect === 'no-op');
  return {
    type: 'serve',
    settings: settingsFrom(given),
    given: given.values,
    withoutEffect: [...withoutEffect, ...given.ignored].sort(),
    warnings: given.warnings,
    configFile,
  };
}

function contents(path: string, readText: (path: string) => string): string {
  try {
    return readText(path);
  } catch (error) {
    throw new ConfigError(`--config-file ${path} cannot be read: ${(error as Error).message}`);
  }
}
