/** The operator's flags. Each can also come from the environment, as EDGESTORE_OPERATOR_NAME_OF_FLAG; a flag wins. */
import { parseArgs } from 'node:util';

type Kind = 'text' | 'flag' | 'seconds' | 'count' | 'list';

interface OptionRow {
  readonly name: string;
  readonly kind: Kind;
  readonly default: string;
  readonly help: string;
}

export const operatorOptions = [
  { name: 'namespaces', kind: 'list', default: '', help: 'Namespaces to serve, comma-separated; default: all.' },
  { name: 'replica-image', kind: 'text', default: 'edgestore:latest', help: 'Image of replicas whose EdgeStore names none.' },
  { name: 'replica-image-pull-policy', kind: 'text', default: '', help: 'Pull policy of replicas whose EdgeStore names none; default: Kubernetes\' own.' },
  { name: 'cluster-domain', kind: 'text', default: 'cluster.local', help: 'The DNS domain of the cluster.' },
  { name: 'kubeconfig', kind: 'text', default: '', help: 'Path of a kubeconfig; default: the pod\'s service account, else $KUBECONFIG, else ~/.kube/config.' },
  { name: 'leader-elect', kind: 'flag', default: 'true', help: 'Wait for the Lease before doing anything. Needed with more than one operator.' },
  { name: 'lease-name', kind: 'text', default: 'edgestore-operator', help: 'Name of the Lease.' },
  { name: 'lease-namespace', kind: 'text', default: '', help: 'Namespace of the Lease; default: the operator\'s own, else "default".' },
  { name: 'listen', kind: 'text', default: '0.0.0.0:8080', help: 'Where /metrics, /healthz and /readyz are served.' },
  { name: 'workers', kind: 'count', default: '4', help: 'EdgeStores that are reconciled at the same time.' },
  { name: 'resync', kind: 'seconds', default: '600', help: 'How often each EdgeStore is looked at without a cause, in seconds; jittered.' },
  { name: 'look-interval', kind: 'seconds', default: '15', help: 'How often the replicas of an EdgeStore are asked how they are, in seconds; jittered. Every second while something is under way.' },
  { name: 'log-level', kind: 'text', default: 'info', help: 'debug, info, warn, error.' },
] as const satisfies readonly OptionRow[];

type Name = (typeof operatorOptions)[number]['name'];

export interface OperatorSettings {
  /** Empty: all. */
  readonly namespaces: readonly string[];
  readonly replicaImage: string;
  readonly replicaImagePullPolicy: string;
  readonly clusterDomain: string;
  readonly kubeconfig: string;
  readonly leaderElect: boolean;
  readonly leaseName: string;
  readonly leaseNamespace: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly workers: number;
  readonly resync_ms: number;
  readonly look_ms: number;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
}

/** What the person who started it can act on. */
export class OptionError extends Error {}

const variable = (name: string): string => `EDGESTORE_OPERATOR_${name.toUpperCase().replaceAll('-', '_')}`;

/** @throws OptionError; with message 'help' if only help was asked for */
export function parseOptions(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): OperatorSettings {
  let given: Record<string, string | boolean | undefined>;
  try {
    given = parseArgs({ args: [...args], strict: true, options: { help: { type: 'boolean', short: 'h' }, ...Object.fromEntries(operatorOptions.map(({ name }) => [name, { type: 'string' as const }])) } }).values;
  } catch (error) {
    throw new OptionError((error as Error).message);
  }
  if (given['help'] === true) throw new OptionError('help');
  const text = (name: Name): string => {
    const row = operatorOptions.find((o) => o.name === name) as OptionRow;
    return (given[name] as string | undefined) ?? environment[variable(name)] ?? row.default;
  };
  const invalid = (name: Name, wanted: string): OptionError => new OptionError(`invalid value "${text(name)}" for --${name}: must be ${wanted}`);
  const number = (name: Name, min: number, wanted: string): number => {
    const value = Number(text(name));
    if (text(name).trim() === '' || !Number.isFinite(value) || value < min) throw invalid(name, wanted);
    return value;
  };
  const oneOf = <const V extends string>(name: Name, values: readonly V[]): V => {
    const found = values.find((value) => value === text(name));
    if (found === undefined) throw invalid(name, `one of ${values.join(', ')}`);
    return found;
  };
  const address = /^(\[[0-9a-fA-F:]+\]|[^:]*):(\d{1,5})$/.exec(text('listen'));
  if (address === null || Number(address[2]) > 65_535) throw invalid('listen', 'host:port');
  if (text('replica-image') === '') throw invalid('replica-image', 'the name of an image');
  return {
    namespaces: text('namespaces').split(',').map((part) => part.trim()).filter((part) => part !== ''),
    replicaImage: text('replica-image'),
    replicaImagePullPolicy: oneOf('replica-image-pull-policy', ['', 'Always', 'IfNotPresent', 'Never']),
    clusterDomain: text('cluster-domain'),
    kubeconfig: text('kubeconfig'),
    leaderElect: oneOf('leader-elect', ['true', 'false']) === 'true',
    leaseName: text('lease-name'),
    leaseNamespace: text('lease-namespace'),
    listen: { host: (address[1] ?? '').replace(/^\[|\]$/g, ''), port: Number(address[2]) },
    workers: Math.floor(number('workers', 1, 'a count of at least 1')),
    resync_ms: number('resync', 1, 'seconds') * 1_000,
    look_ms: number('look-interval', 0.1, 'seconds') * 1_000,
    logLevel: oneOf('log-level', ['debug', 'info', 'warn', 'error']),
  };
}

export function operatorHelp(): string {
  const rows = operatorOptions.map(({ name, default: value, help }) => `  --${name.padEnd(28)} ${help}${value === '' ? '' : ` (default ${value})`}`);
  return ['edgestore-operator [flags]', '', 'Runs EdgeStore resources as StatefulSets.', '', ...rows, '', `From the environment: ${variable('replica-image')} and so on.`].join('\n');
}
