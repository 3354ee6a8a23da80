/**
 * What is known of the shape of a Kubernetes object: enough to read it from JSON and from protobuf into the same tree, to write the tree
 * back as apiserver does, and to merge by field. The table of built-in kinds is generated (hack/generate) from Kubernetes' own sources.
 *
 * Fields are named as in JSON. Structs that Go embeds (`json:",inline"`: a Volume's VolumeSource, a Probe's ProbeHandler) are nested messages
 * in protobuf and no level of their own in JSON: here they are none either, and `Field.inline` says where protobuf has them.
 */

export type Schema = ScalarType | StructType | MapType | ListType | AnyType;

/** A single value: one leaf of the tree, whatever it looks like inside. */
export interface ScalarType {
  readonly kind: 'scalar';
  readonly type: Scalar;
}

/**
 * - `bytes`: base64 in JSON
 * - `intOrString`, `quantity`, `time`, `microTime`: messages in protobuf, a number or text in JSON; a leaf with what JSON has
 * - `raw`: JSON inside of protobuf (RawExtension, FieldsV1): a leaf with the JSON text as bytes
 * - `opaque`: not looked into; a leaf with the bytes as they stand (CustomResourceDefinition's JSON schema)
 */
export type Scalar = 'string' | 'bool' | 'int32' | 'int64' | 'double' | 'bytes' | 'intOrString' | 'quantity' | 'time' | 'microTime' | 'raw' | 'opaque';

export interface StructType {
  readonly kind: 'struct';
  /** For example `core/v1.PodSpec`, `meta/v1.ObjectMeta`. */
  readonly name: string;
  /** By JSON name, in the order in which Go's JSON writes them. */
  readonly fields: ReadonlyMap<string, Field>;
  /** Its authors say that it changes as one (`+structType=atomic`: selectors, references). */
  readonly atomic: boolean;
}

export interface Field {
  /** The JSON name. */
  readonly name: string;
  /** The protobuf field number, in the innermost message of `inline`. */
  readonly number: number;
  readonly type: Schema;
  /** Numbers of the embedded messages that protobuf has around this field; nearly always empty. */
  readonly inline: readonly number[];
  /** Fields of a struct with the same group exclude each other or belong together (a union and its discriminator): they are one unit. */
  readonly oneOf: string | undefined;
  /** Go has no pointer here: apiserver's protobuf always writes it, the zero value included. */
  readonly always: boolean;
  /** Left out of JSON when empty. */
  readonly omitEmpty: boolean;
}

/** Keys are free (labels, a ConfigMap's data, resource lists). */
export interface MapType {
  readonly kind: 'map';
  readonly values: Schema;
  readonly atomic: boolean;
}

export interface ListType {
  readonly kind: 'list';
  readonly items: Schema;
  /** `atomic`: one leaf. `set`: scalars, none twice. `map`: structs, told apart by `keys`. */
  readonly list: 'atomic' | 'set' | 'map';
  /** JSON names of the fields that tell elements apart; empty unless `map`. */
  readonly keys: readonly string[];
}

/** Nothing is known: custom resources, JSON fields that the table does not have. Objects are maps by field, lists are one leaf. */
export interface AnyType {
  readonly kind: 'any';
}
