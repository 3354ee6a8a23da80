/**
 * protojson: requests from JSON to protobuf, answers back. 64-bit integers are strings, bytes base64, enums names, zero values left
 * out, names as in the .proto (the lowerCamelCase ones are understood too).
 */
import { create, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import { Code, EtcdError } from '../../errors.ts';
import { descriptors } from '../descriptors.ts';

const errJson = (why: string) => new EtcdError(Code.INVALID_ARGUMENT, why);

/** @param name `service/Method` */
export function methodDescriptor(name: string): DescMethod {
  const [service = '', method] = name.split('/');
  const found = descriptors().getService(service)?.methods.find((each) => each.name === method);
  if (found === undefined) throw new Error(`no such method: ${name}`);
  return found;
}

/** The request as protobuf. Refuses what is no JSON, unknown fields by their name, and values that do not fit. */
export function requestBytes(schema: DescMessage, text: string): Buffer {
  try {
    const message = text.trim() === '' ? create(schema) : fromJson(schema, JSON.parse(text), { ignoreUnknownFields: false });
    return Buffer.from(toBinary(schema, message));
  } catch (error) {
    throw errJson(error instanceof SyntaxError ? 'unexpected EOF or malformed JSON' : `proto: ${(error as Error).message}`);
  }
}

export function answerJson(schema: DescMessage, bytes: Uint8Array): unknown {
  return toJson(schema, fromBinary(schema, bytes), { useProtoFieldName: true });
}

/** Cuts a stream of JSON objects, with or without white space between them, into one text for each. */
export class JsonSplitter {
  readonly #charsMax: number;
  #rest = '';
  #scanned = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  push(text: string): string[] {
    this.#rest += text;
    const objects: string[] = [];
    for (; this.#scanned < this.#rest.length; this.#scanned++) {
      const char = this.#rest[this.#scanned]!;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (char === '\\') this.#escaped = true;
        else if (char === '"') this.#inString = false;
      } else if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') this.#depth++;
      else if ((char === '}' || char === ']') && --this.#depth === 0) {
        objects.push(this.#rest.slice(0, this.#scanned + 1));
        this.#rest = this.#rest.slice(this.#scanned + 1);
        this.#scanned = -1;
      }
      if (this.#depth < 0) throw errJson('malformed JSON');
    }
    if (this.#rest.length > this.#charsMax) throw new EtcdError(Code.RESOURCE_EXHAUSTED, 'request is too large');
    return objects;
  }

  /** What is left is no whole object. */
  get torn(): boolean {
    return this.#rest.trim() !== '';
  }
}
