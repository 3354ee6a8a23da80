import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { PassThrough } from 'node:stream';
import { Flag, Frame } from './constants.ts';
import { FrameReader } from './frames.ts';
import { Output } from './output.ts';

let socket: PassThrough;
/** Types of the frames in each write to the socket. */
let writes: number[][];
/** What has been asked to be called later, and is not cancelled. */
let timers: Set<() => void>;
let scheduled: Output[];
let output: Output;

beforeEach(() => {
  socket = new PassThrough();
  writes = [];
  timers = new Set();
  scheduled = [];
  socket.on('data', (chunk: Buffer) => {
    const types: number[] = [];
    new FrameReader((type) => void types.push(type)).push(chunk);
    writes.push(types);
  });
  output = new Output(socket, (dirty) => void scheduled.push(dirty), (_delayMs, fn) => {
    timers.add(fn);
    return { cancel: () => void timers.delete(fn) };
  });
});
afterEach(() => void socket.destroy());

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const flushScheduled = (): void => {
  for (const dirty of scheduled.splice(0)) dirty.flush();
};
const pong = (): void => output.lazyFrame(Frame.PING, Flag.ACK, 0, Buffer.alloc(8));

test('a frame that nobody waits for goes with the next one that somebody does, in one write', async () => {
  pong();
  expect(scheduled).toEqual([]);
  output.frame(Frame.DATA, 0, 1, Buffer.from('x'));
  flushScheduled();
  await settle();
  expect(writes).toEqual([[Frame.PING, Frame.DATA]]);
  expect(timers.size).toBe(0);
});

test('or by itself a little later, several in one write', async () => {
  pong();
  pong();
  expect(timers.size).toBe(1);
  await settle();
  expect(writes).toEqual([]);
  for (const fn of timers) fn();
  await settle();
  expect(writes).toEqual([[Frame.PING, Frame.PING]]);
  expect(timers.size).toBe(0);
  pong();
  expect(timers.size).toBe(1);
});

test('behind one that is about to leave it needs no timer', async () => {
  output.frame(Frame.DATA, 0, 1, Buffer.from('x'));
  pong();
  expect(timers.size).toBe(0);
  flushScheduled();
  await settle();
  expect(writes).toEqual([[Frame.DATA, Frame.PING]]);
});
