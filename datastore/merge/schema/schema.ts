/** Which shape the object of an apiVersion and kind has. */
import { source } from './generated/kubernetes.ts';
import { parseTable, type Kinds } from './parse.ts';
import type { StructType } from './types.ts';

let table: Kinds | undefined;

/** All kinds that Kubernetes itself stores. */
export function builtin(): Kinds {
  table ??= parseTable(source);
  return table;
}

let custom: StructType | undefined;

/** What is known of any custom resource: its metadata. */
export function customResource(): StructType {
  if (custom === undefined) {
    const metadata = builtin().struct('v1', 'ConfigMap')!.fields.get('metadata')!;
    custom = { kind: 'struct', name: CUSTOM, fields: new Map([['metadata', metadata]]), atomic: false };
  }
  return custom;
}

const CUSTOM = 'custom';

/** Whether it is no kind of Kubernetes itself: apiserver keeps such objects as JSON with all names sorted. */
export function isCustom(struct: StructType): boolean {
  return struct.name === CUSTOM;
}

/** The table's own text, of which peers compare a hash: with different tables they would compute different bytes. */
export { source as schemaTable } from './generated/kubernetes.ts';
