/** metav1.MicroTime: six fractional digits. An apiserver refuses the three of `toISOString()`. */
export const microtime = (wall_ms: number): string => new Date(wall_ms).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');

/** metav1.Time: whole seconds. */
export const time = (wall_ms: number): string => new Date(wall_ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
