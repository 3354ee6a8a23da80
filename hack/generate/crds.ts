/** Writes crds/ from the schema in operator/resource/. */
import { dump } from 'js-yaml';
import { GROUP, PLURAL, customResourceDefinition } from '../../operator/resource/edgestore.ts';

export function crds(): Map<string, string> {
  const yaml = dump(customResourceDefinition(), { lineWidth: 160, noRefs: true });
  return new Map([[`crds/${GROUP}_${PLURAL}.yaml`, `# Generated from operator/resource/ by npm run generate. Do not edit.\n${yaml}`]]);
}
