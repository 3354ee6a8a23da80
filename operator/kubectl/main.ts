#!/usr/bin/env node
/** `kubectl edgestore`: a plugin of kubectl, found by its name in $PATH. */
import { parseArgs } from 'node:util';
import { nodeClock } from '../../datastore/host/node-clock.ts';
import { connect } from '../runtime/connection.ts';
import { isHealthy, storesText } from './render.ts';
import { look } from './look.ts';

const usage = `kubectl edgestore status [NAME] [-n NAMESPACE | -A] [-o table|json] [--kubeconfig FILE] [--context NAME]

Says how EdgeStores are: what is wanted and there, what the operator says, and, asked of each replica through the apiserver, revisions, sizes, versions
and how far each pair is apart. Needs get and list of edgestores, list of pods, and get of pods/proxy: roles edit and admin. With role view alone replicas
are not asked: what the operator says of them is shown.
Exits 1 if an EdgeStore is not available, or a replica could not be asked.`;

class UsageError extends Error {}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args], allowPositionals: true,
    options: {
      namespace: { type: 'string', short: 'n' }, 'all-namespaces': { type: 'boolean', short: 'A', default: false }, output: { type: 'string', short: 'o', default: 'table' },
      kubeconfig: { type: 'string', default: '' }, context: { type: 'string', default: '' }, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [command, name, ...more] = positionals;
  if (values.help || command === undefined) {
    process.stdout.write(`${usage}\n`);
    return values.help ? 0 : 1;
  }
  if (command !== 'status') throw new UsageError(`there is no command "${command}": status`);
  if (more.length > 0) throw new UsageError(`one name at most, not ${more.length + 1}`);
  if (values.output !== 'table' && values.output !== 'json') throw new UsageError(`-o must be table or json, not ${values.output}`);
  if (values['all-namespaces'] && (name !== undefined || values.namespace !== undefined)) throw new UsageError('-A goes with neither a name nor a namespace');
  const connection = await connect(values.kubeconfig, nodeClock, values.context);
  const namespace = values['all-namespaces'] ? null : (values.namespace ?? connection.namespace ?? 'default');
  const stores = await look(connection, namespace, name);
  if (values.output === 'json') process.stdout.write(`${JSON.stringify(stores, null, 2)}\n`);
  else if (stores.length === 0) process.stderr.write(`no EdgeStores${namespace === null ? '' : ` in ${namespace}`}\n`);
  else process.stdout.write(`${storesText(stores)}\n`);
  return stores.every(isHealthy) ? 0 : 1;
}

process.stdout.on('error', () => process.exit(0));
try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`kubectl edgestore: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
