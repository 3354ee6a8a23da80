/**
 * What the machine does to an event loop that has nothing to do: the longest delay of a timer, by the wall clock, while nothing else runs in this process.
 * Asked for over the channel to the parent; each answer begins anew.
 */
const TICK_MS = 1;
let last = performance.now();
let longest = 0;
setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - last - TICK_MS);
  last = now;
}, TICK_MS);
process.on('message', () => {
  process.send?.(longest);
  longest = 0;
});
process.on('disconnect', () => process.exit(0));
