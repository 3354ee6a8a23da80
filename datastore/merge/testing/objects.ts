/** Objects of a real kind made of a few fields, and back. */
import { decode, encode } from '../codec/codec.ts';
import type { DecodedObject } from '../codec/types.ts';

/** Fields as in plain.ts: `u`, `l` (a label), `a` (an annotation), `s` (a field of the spec), `n`, `E:x`, `E:x.i`, `E:x.w`, `F:x`. */
export function deployment(fields: ReadonlyMap<string, string>): Uint8Array {
  const names = [...fields.keys()].sort();
  const at = (name: string): string | undefined => fields.get(name);
  const finalizers = names.filter((name) => name.startsWith('F:')).map((name) => name.slice(2));
  const containers = names.filter((name) => /^E:[^.]*$/.test(name)).map((name) => ({
    name: name.slice(2),
    ...(at(`${name}.i`) === undefined ? {} : { image: at(`${name}.i`) }),
    ...(at(`${name}.w`) === undefined ? {} : { workingDir: at(`${name}.w`) }),
  }));
  const object = {
    apiVersion: 'apps/v1', kind: 'Deployment',
    metadata: {
      name: 'd', uid: at('u'),
      ...(at('l') === undefined ? {} : { labels: { l: at('l') } }),
      ...(at('a') === undefined ? {} : { annotations: { a: at('a') } }),
      ...(finalizers.length === 0 ? {} : { finalizers }),
    },
    spec: {
      ...(at('n') === undefined ? {} : { replicas: Number(at('n')) }),
      ...(at('s') === undefined ? {} : { minReadySeconds: Number(at('s')) }),
      template: { metadata: {}, spec: containers.length === 0 ? {} : { containers } },
    },
    status: {},
  };
  return new Uint8Array(Buffer.from(JSON.stringify(object)));
}

interface Json {
  metadata: { uid: string; labels?: Record<string, string>; annotations?: Record<string, string>; finalizers?: string[]; deletionTimestamp?: string };
  spec: { replicas?: number; minReadySeconds?: number; template: { spec: { containers?: { name: string; image?: string; workingDir?: string }[] } } };
}

export function fieldsOf(object: DecodedObject): Map<string, string> {
  const { metadata, spec } = JSON.parse(Buffer.from(encode(object)).toString()) as Json;
  const fields = new Map<string, string>([['u', metadata.uid]]);
  const put = (name: string, value: string | number | undefined): void => void (value === undefined || fields.set(name, String(value)));
  put('l', metadata.labels?.['l']);
  put('a', metadata.annotations?.['a']);
  put('n', spec.replicas);
  put('s', spec.minReadySeconds);
  for (const finalizer of metadata.finalizers ?? []) put(`F:${finalizer}`, finalizer);
  for (const { name, image, workingDir } of spec.template.spec.containers ?? []) {
    put(`E:${name}`, name);
    put(`E:${name}.i`, image);
    put(`E:${name}.w`, workingDir);
  }
  return fields;
}

export const decoded = (value: Uint8Array): DecodedObject => {
  const object = decode(value);
  if (object === null) throw new Error('no object');
  return object;
};
