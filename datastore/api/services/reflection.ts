/** gRPC server reflection, v1 and v1alpha (the same messages under two names): which services there are, and their definitions. */
import { type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '../../errors.ts';
import { descriptors } from '../descriptors.ts';
import { ServerReflectionRequest, ServerReflectionResponse } from '../generated/grpc/reflection/v1/reflection.ts';
import type { Method } from '../transport/types.ts';
import { bidi, encodeFrame } from './rpc.ts';

type Answer = NonNullable<ServerReflectionResponse['message_response']>;

/** @param services the names to list */
export function reflectionService(services: readonly string[]): Method[] {
  return ['v1', 'v1alpha'].map((version) =>
    bidi(`grpc.reflection.${version}.ServerReflection`, 'ServerReflectionInfo', ServerReflectionRequest, (call) => ({
      message(request) {
        const response = { valid_host: request.host, original_request: request, message_response: answer(request, services) };
        call.send(encodeFrame(ServerReflectionResponse, response));
      },
      end: () => call.end(),
    })),
  );
}

function answer({ message_request: request }: ServerReflectionRequest, services: readonly string[]): Answer {
  if (request?.$case === 'list_services') {
    return { $case: 'list_services_response', value: { service: services.map((name) => ({ name })) } };
  }
  if (request?.$case === 'file_by_filename') {
    const file = [...descriptors().files].find(({ proto }) => proto.name === request.value);
    return file === undefined ? notFound(`File not found: ${request.value}`) : files(file);
  }
  if (request?.$case === 'file_containing_symbol') {
    const file = fileOf(request.value);
    return file === undefined ? notFound(`Symbol not found: ${request.value}`) : files(file);
  }
  if (request?.$case === 'all_extension_numbers_of_type') {
    return { $case: 'all_extension_numbers_response', value: { base_type_name: request.value, extension_number: [] } };
  }
  return notFound('not found');
}

/** A message, enum or service by its full name; a method or field by its parent's. */
function fileOf(symbol: string): DescFile | undefined {
  const registry = descriptors();
  const found = registry.get(symbol) ?? registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf('.'))));
  return found !== undefined && 'file' in found ? found.file : undefined;
}

const notFound = (text: string): Answer => ({ $case: 'error_response', value: { error_code: Code.NOT_FOUND, error_message: text } });

/** A file with everything that it imports, itself first. */
function files(file: DescFile): Answer {
  const all = new Set<DescFile>([file]);
  for (const each of all) for (const dependency of each.dependencies) all.add(dependency);
  return { $case: 'file_descriptor_response', value: { file_descriptor_proto: [...all].map(({ proto }) => Buffer.from(toBinary(FileDescriptorProtoSchema, proto))) } };
}
