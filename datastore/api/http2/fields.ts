/** What header fields of a request may look like (RFC 9113, 8.2 and 8.3). */

const connectionSpecific: ReadonlySet<string> = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade']);
const requestPseudo: ReadonlySet<string> = new Set([':method', ':scheme', ':path', ':authority']);
const colon = 58;

/** Upper case, controls, spaces, DEL and beyond; a colon anywhere but in front. */
const badName = /[\x00-\x20A-Z\x7f-\xff]|.:|^:?$/;
const badValue = /[\x00\r\n]/;

/** What is wrong with one field by itself, '' if nothing is. Asked once for each literal, not for what comes from a table. */
export function fieldFault(name: string, value: string): string {
  if (badName.test(name)) return 'malformed field name';
  if (badValue.test(value)) return 'malformed field value';
  if (name.charCodeAt(0) === colon && !requestPseudo.has(name)) return 'no such pseudo header field in a request';
  if (connectionSpecific.has(name)) return 'connection-specific field';
  if (name === 'te' && value !== 'trailers') return 'te other than trailers';
  return '';
}

/** Takes the fields of one block in their order. */
export class HeaderCheck {
  /** The first fault; '' if there is none. */
  fault = '';
  #regular = false;
  #pseudo = 0;

  add({ name, fault }: { readonly name: string; readonly fault: string }): void {
    if (fault !== '' && this.fault === '') this.fault = fault;
    if (name.charCodeAt(0) !== colon) {
      this.#regular = true;
      return;
    }
    if (this.#regular) this.fault ||= 'pseudo header field after others';
    const bit = name === ':method' ? 1 : name === ':scheme' ? 2 : name === ':path' ? 4 : name === ':authority' ? 8 : 0;
    // The static table also has `:status`.
    if (bit === 0) this.fault ||= 'no such pseudo header field in a request';
    if ((this.#pseudo & bit) !== 0) this.fault ||= 'pseudo header field twice';
    this.#pseudo |= bit;
  }
}
