/** JSON schemas for kubeconform, from an apiserver's own OpenAPI document: those that it publishes are for another version, and on another machine. */

interface Definition {
  readonly 'x-kubernetes-group-version-kind'?: readonly { readonly group: string; readonly version: string; readonly kind: string }[];
  readonly [field: string]: unknown;
}

/** Kubeconform's file name (`{{.ResourceKind}}{{.KindSuffix}}.json`) → schema. All definitions go into one file that the others refer to. */
export function schemasOf(openapi: unknown): Map<string, object> {
  const { definitions } = openapi as { definitions: Record<string, Definition> };
  const refs = (text: string): string => text.replaceAll('"#/definitions/', '"_definitions.json#/definitions/');
  const files = new Map<string, object>([['_definitions.json', { definitions: strict(definitions) }]]);
  for (const definition of Object.values(definitions)) {
    for (const { group, version, kind } of definition['x-kubernetes-group-version-kind'] ?? []) {
      const suffix = `-${group === '' ? '' : `${group.split('.')[0]}-`}${version}`;
      files.set(`${kind.toLowerCase()}${suffix.toLowerCase()}.json`, JSON.parse(refs(JSON.stringify(strict(definition)))) as object);
    }
  }
  return files;
}

/** What JSON schema cannot say as Kubernetes does: numbers or text, and no fields but those that are named. */
function strict<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_key, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part;
    const schema = part as { type?: unknown; format?: unknown; properties?: unknown; additionalProperties?: unknown };
    if (schema.format === 'int-or-string') return { oneOf: [{ type: 'string' }, { type: 'integer' }] };
    // A quantity is text in the document and may be a number in a manifest.
    if (schema.type === 'object' && typeof schema.properties === 'object' && schema.additionalProperties === undefined && !('x-kubernetes-preserve-unknown-fields' in schema)) return { ...schema, additionalProperties: false };
    return part;
  }) as T;
}
