#!/usr/bin/env node
/** `edgestore-operator`: runs EdgeStore resources. It wires the parts, and nothing else ends the process. */
import { OptionError, operatorHelp, parseOptions } from './options.ts';

async function main(): Promise<number> {
  let settings;
  try {
    settings = parseOptions(process.argv.slice(2), process.env);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    if (error.message === 'help') {
      process.stdout.write(`${operatorHelp()}\n`);
      return 0;
    }
    process.stderr.write(`edgestore-operator: ${error.message}\n`);
    return 1;
  }
  const { runOperator } = await import('./operator.ts');
  return runOperator(settings);
}

process.exit(await main());
