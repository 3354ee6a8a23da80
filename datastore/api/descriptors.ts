/** The compiled interface definitions: for reflection and for the JSON gateway. Read once, when first asked for. */
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import type { FileRegistry } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { descriptorSet } from './generated/descriptors.ts';

let known: FileRegistry | undefined;

export function descriptors(): FileRegistry {
  return (known ??= createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(descriptorSet, 'base64'))));
}
