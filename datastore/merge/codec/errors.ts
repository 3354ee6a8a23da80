/** Bytes that are not what they should be. Never leaves the codecs: `decode` answers null. */
export class Malformed extends Error {}
