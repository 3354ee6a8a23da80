/** Where values come from: flags, environment, or a config file. What they mean is for settings.ts. */
import { loadAll } from 'js-yaml';
import { ConfigError } from './errors.ts';
import { findOption, legacyNames, options } from './options.ts';
import type { Option } from './option.ts';
import { nearest, parseBool } from './values.ts';

/** Values by option name, as text, and things to log once logging works. */
export interface Given {
  readonly values: Map<string, string>;
  /** Names that were given and mean nothing here. */
  readonly ignored: Set<string>;
  readonly warnings: string[];
}

const given = (): Given => ({ values: new Map(), ignored: new Set(), warnings: [] });

function unknown(what: string, name: string, dashes: string): ConfigError {
  const guess = nearest(name, options.map((option) => option.name));
  return new ConfigError(guess === undefined ? `${what}: ${dashes}${name}` : `${what}: ${dashes}${name} (did you mean ${dashes}${guess}?)`);
}

/**
 * Reads flags as Go's flag package does: one dash or two, `--flag value` or `--flag=value`; a boolean takes a value only with `=`;
 * the last of several counts. Throws ConfigError.
 */
export function fromFlags(args: readonly string[]): Given {
  const result = given();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) throw new ConfigError(`"${arg}" is not a valid flag`);
    const name = match[1] ?? '';
    let value = match[2];
    const option = findOption(name === 'h' ? 'help' : name);
    const takesValue = option === undefined ? false : option.kind !== 'flag';
    if (option === undefined && !legacyNames.has(name) && !name.startsWith('experimental-')) {
      throw unknown('flag provided but not defined', name, '--');
    }
    if (value === undefined && takesValue) {
      value = args[++i];
      if (value === undefined) throw new ConfigError(`flag needs an argument: --${name}`);
    }
    // An experimental flag that went away: whether it took a value is known no more, so whatever looks like one is taken.
    if (option === undefined && value === undefined && args[i + 1]?.startsWith('-') === false) i++;
    if (option === undefined) result.ignored.add(name);
    else result.values.set(option.name, value ?? 'true');
  }
  return result;
}

/** `some-flag` → ETCD_SOME_FLAG. */
export const environmentName = (prefix: string, name: string): string => `${prefix}_${name.toUpperCase().replaceAll('-', '_')}`;

/** What Kubernetes puts into a pod's environment for a Service that is called etcd or edgestore. */
const SERVICE_LINK = /^[A-Z0-9_]*_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_\d+_(TCP|UDP)(_.*)?)$/;

/**
 * Reads ETCD_* and EDGESTORE_* (which win). A variable that a flag overrides is an error, as in etcd: nobody could tell which was meant.
 * Throws ConfigError.
 */
export function fromEnvironment(environment: Readonly<Record<string, string | undefined>>, flags: ReadonlyMap<string, string>): Given {
  const result = given();
  const known = new Set<string>();
  for (const option of options) {
    for (const prefix of ['ETCD', 'EDGESTORE']) {
      const variable = environmentName(prefix, option.name);
      known.add(variable);
      const value = environment[variable];
      if (value === undefined || value === '' || option.name === 'version' || option.name === 'help') continue;
      if (flags.has(option.name)) {
        throw new ConfigError(`environment variable ${variable} is shadowed by the flag --${option.name}: unset one of them`);
      }
      result.values.set(option.name, value);
    }
  }
  for (const variable of Object.keys(environment)) {
    if (known.has(variable) || SERVICE_LINK.test(variable)) continue;
    // EDGESTORE_ is also the prefix of what is no option (EDGESTORE_TOOLS): there only what looks like a slip is worth a word.
    const guess = variable.startsWith('EDGESTORE_') ? nearest(variable.slice('EDGESTORE_'.length), [...known].flatMap((name) => name.split('EDGESTORE_')[1] ?? [])) : undefined;
    if (variable.startsWith('ETCD_')) result.warnings.push(`unrecognized environment variable ${variable}`);
    else if (guess !== undefined) result.warnings.push(`unrecognized environment variable ${variable} (did you mean EDGESTORE_${guess}?)`);
  }
  return result;
}

/** A value of a config file as it would stand on the command line. */
function scalar(option: Option, key: string, value: unknown): string {
  if (Array.isArray(value) && (option.kind === 'list' || option.kind === 'urls')) return value.join(',');
  if (option.kind === 'flag' && typeof value === 'string' && parseBool(value) === undefined) {
    throw new ConfigError(`config file: ${key} must be true or false`);
  }
  // etcd writes durations in a file as nanoseconds.
  if (option.kind === 'duration' && typeof value === 'number') return `${value}ns`;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new ConfigError(`config file: ${key} has a value of the wrong kind`);
}

/** Reads etcd's config file (YAML, of which JSON is a part). An unknown key is refused by name. Throws ConfigError. */
export function fromFile(text: string): Given {
  let document: unknown;
  try {
    document = loadAll(text)[0] ?? {};
  } catch (error) {
    throw new ConfigError(`config file: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`);
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) throw new ConfigError('config file: not a map of options');
  const result = given();
  const take = (option: Option | undefined, path: string, key: string, value: unknown): void => {
    if (option !== undefined) {
      if (value !== null) result.values.set(option.name, scalar(option, path, value));
    } else if (legacyNames.has(key) || key.startsWith('experimental-')) result.ignored.add(path);
    else throw unknown('config file: unknown key', path, '');
  };
  const sections = new Set<string>(options.flatMap((option: Option) => option.file?.section ?? []));
  for (const [key, value] of Object.entries(document)) {
    if (sections.has(key)) {
      if (value === null) continue;
      if (typeof value !== 'object') throw new ConfigError(`config file: invalid ${key}`);
      for (const [inner, innerValue] of Object.entries(value as object)) {
        const option = options.find((o: Option) => o.file?.section === key && o.file.key === inner);
        take(option, `${key}.${inner}`, inner, innerValue);
      }
    } else {
      take(findOption(key), key, key, value);
    }
  }
  return result;
}
