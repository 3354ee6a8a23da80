/** node --test e2e/support/*.test.ts */
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { after, before, test } from 'node:test';
import { LOOPBACK } from './ports.ts';
import { TcpProxy } from './proxy.ts';

let echo: Server;
let port: number;

before(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => { socket.on('error', () => undefined); socket.pipe(socket); });
  await new Promise<void>((resolve) => echo.listen(0, LOOPBACK, resolve));
  port = (echo.address() as AddressInfo).port;
});
after(() => echo.close());

/** Sends `text`, half-closes, and returns what came back before the end. */
function roundTrip(to: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect({ port: to, host: LOOPBACK, allowHalfOpen: true });
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('end', () => socket.destroy());
    socket.end(text);
  });
}

test('delays each way and keeps the order', async () => {
  const proxy = await TcpProxy.start(port, { delay_ms: 40 });
  const started = performance.now();
  const text = 'abc'.repeat(300_000);
  assert.equal(await roundTrip(proxy.port, text), text);
  assert.ok(performance.now() - started >= 79);
  await proxy.stop();
});

test('a cut breaks connections and lets none through until healed', async () => {
  const proxy = await TcpProxy.start(port);
  proxy.cut();
  assert.equal(await roundTrip(proxy.port, 'lost').catch(() => ''), '');
  proxy.heal();
  assert.equal(await roundTrip(proxy.port, 'kept'), 'kept');
  await proxy.stop();
});

test('a direction that is held up loses nothing, and a slow one takes its time', async () => {
  const proxy = await TcpProxy.start(port);
  proxy.back.held = true;
  let done = false;
  const answer = roundTrip(proxy.port, 'x').finally(() => (done = true));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(done, false);
  proxy.back.held = false;
  assert.equal(await answer, 'x');
  proxy.forth.bytesPerSecond = 1_000_000;
  const started = performance.now();
  const text = 'x'.repeat(200_000);
  assert.equal(await roundTrip(proxy.port, text), text);
  assert.ok(performance.now() - started >= 180);
  await proxy.stop();
});
