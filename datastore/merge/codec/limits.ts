/** Bounds of the codecs. */
export const limits = {
  /** A value that is larger stays opaque. apiserver's own limit for a request is 3 MiB, etcd's 1.5 MiB. */
  value_bytes_max: 3 * 1024 * 1024,
} as const;
