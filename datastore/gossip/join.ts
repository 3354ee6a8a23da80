/** Asking a member for a place in its cluster: one link, one question, one answer. Before there is a store, so before there is a `Gossip`. */
import type { Clock, Link, Network } from '../host/host.ts';
import { limits } from '../limits.ts';
import { closeReasons } from './close-codes.ts';
import { decodeMessage, encodeMessage } from './wire.ts';

/**
 * @param address of several that the URL's name has
 * @throws if the member cannot be reached, does not answer in time, or is no member of anything.
 */
export function askToJoin(net: Network, clock: Clock, url: string, request: Uint8Array, address?: string): Promise<Uint8Array> {
  return new Promise<Uint8Array>((resolve, reject) => {
    let link: Link | null = null;
    const timer = clock.after(limits.dial_timeout_ms + limits.membership_change_ms, () => end(new Error(`${url} does not answer`)));
    const end = (outcome: Uint8Array | Error): void => {
      timer.cancel();
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
      link?.close(closeReasons.answered.code, closeReasons.answered.name);
      link = null;
    };
    net.dial(url, address).then((dialled) => {
      link = dialled;
      dialled.onClose = (_code, reason) => end(new Error(`${url} closed the link${reason === '' ? '' : `: ${reason}`}`));
      dialled.onMessage = (bytes) => {
        try {
          const message = decodeMessage(bytes);
          // It says hello, as to everybody.
          if (message.type === 'joined') end(message.bytes);
        } catch (error) {
          end(error instanceof Error ? error : new Error(String(error)));
        }
      };
      dialled.send(encodeMessage({ type: 'join', bytes: request }));
    }, (error: unknown) => end(error instanceof Error ? error : new Error(String(error))));
  });
}
