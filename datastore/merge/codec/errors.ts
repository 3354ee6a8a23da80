/** Bytes that are not what they should be. Never leaves the codecs: `decode` answers null. */
export class Malformed extends Error {}

/** Two versions of an object that take the long way: bytes that Kubernetes does not write, or another uid. Never leaves `Quick`. */
export class Unusual extends Error {}
