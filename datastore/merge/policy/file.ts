/**
 * A table of policies from a file (`--merge-policy`), JSON or YAML: the form of `Policy` (types.ts). With `extends: default` its rows are put over the default
 * table's: a kind that it names has its row alone, all others keep theirs. Without, it is all there is.
 */
import { load } from 'js-yaml';
import { checks } from '../checks/checks.ts';
import { defaultPolicy } from './table.ts';
import type { FieldRule, KindPolicy, Policy } from './types.ts';

const SIMPLE = new Set(['field', 'leaf', 'rest', 'largest', 'smallest', 'earliest', 'true', 'set', 'generation']);
const KIND_FIELDS = new Set(['kinds', 'merge', 'light', 'fields', 'wholeIfDifferent', 'wholeIfTrue', 'checks']);

/** What is wrong with a policy, in words for who wrote it. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
}

type Json = { readonly [key: string]: unknown };
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '');

/** @throws PolicyError */
export function parsePolicy(text: string): Policy {
  let read: unknown;
  try {
    read = load(text);
  } catch (error) {
    throw new PolicyError(`it is neither JSON nor YAML: ${(error as Error).message}`);
  }
  if (!isObject(read)) throw new PolicyError('it is no object with "kinds"');
  for (const key of Object.keys(read)) if (!['extends', 'common', 'kinds'].includes(key)) throw new PolicyError(`"${key}" means nothing here: extends, common, kinds`);
  if (read['extends'] !== undefined && read['extends'] !== 'default') throw new PolicyError('"extends" can only be "default"');
  if (!Array.isArray(read['kinds'])) throw new PolicyError('"kinds" must be a list of rows');
  const kinds = read['kinds'].map((row, i) => kindOf(row, `row ${i + 1} of kinds`));
  const common = read['common'] === undefined ? {} : rulesOf(read['common'], 'common');
  if (read['extends'] === undefined) return { common, kinds };
  return { common: { ...defaultPolicy.common, ...common }, kinds: [...defaultPolicy.kinds, ...kinds] };
}

function kindOf(row: unknown, where: string): KindPolicy {
  if (!isObject(row) || !isTexts(row['kinds'])) throw new PolicyError(`${where}: "kinds" must be a list of names such as Pod or apps/Deployment`);
  for (const key of Object.keys(row)) if (!KIND_FIELDS.has(key)) throw new PolicyError(`${where}: "${key}" means nothing here: ${[...KIND_FIELDS].join(', ')}`);
  if (row['merge'] !== 'field' && row['merge'] !== 'whole') throw new PolicyError(`${where}: "merge" must be field or whole`);
  for (const key of ['wholeIfDifferent', 'wholeIfTrue', 'checks']) if (row[key] !== undefined && !isTexts(row[key])) throw new PolicyError(`${where}: "${key}" must be a list of texts`);
  for (const name of (row['checks'] as string[] | undefined) ?? []) if (checks[name] === undefined) throw new PolicyError(`${where}: there is no check "${name}": ${Object.keys(checks).join(', ')}`);
  if (row['light'] !== undefined && typeof row['light'] !== 'boolean') throw new PolicyError(`${where}: "light" must be true or false`);
  return { ...(row as unknown as KindPolicy), ...(row['fields'] === undefined ? {} : { fields: rulesOf(row['fields'], `${where}, fields`) }) };
}

function rulesOf(rules: unknown, where: string): Record<string, FieldRule> {
  if (!isObject(rules)) throw new PolicyError(`${where}: must be rules by path`);
  for (const [path, rule] of Object.entries(rules)) {
    const keyed = isObject(rule) && isTexts(rule['keys']) && Object.keys(rule).length === 1;
    const unit = isObject(rule) && typeof rule['unit'] === 'string' && /^[A-Za-z0-9-]+$/.test(rule['unit']) && Object.keys(rule).length === 1;
    if (!SIMPLE.has(rule as string) && !keyed && !unit) throw new PolicyError(`${where}: the rule of ${path} must be one of ${[...SIMPLE].join(', ')}, {keys: [...]} or {unit: name}`);
  }
  return rules as Record<string, FieldRule>;
}
