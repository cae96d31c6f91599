import { BlockList, isIP } from 'node:net';

const mappedV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** The proxies whose `X-Forwarded-For` is believed. */
export class TrustedProxies {
  // Two lists: one would find an IPv4 address in ::/0.
  readonly #v4 = new BlockList();
  readonly #v6 = new BlockList();

  /** Takes addresses and CIDR blocks. Throws a TypeError that names what is neither. */
  constructor(proxies: readonly string[]) {
    for (const proxy of proxies) {
      const [address = '', bits, ...more] = proxy.split('/');
      const family = isIP(address);
      const most = family === 4 ? 32 : 128;
      const prefix = bits === undefined ? most : Number(bits);
      if (family === 0 || address.includes('%') || more.length > 0 || !/^\d+$/.test(bits ?? '0') || prefix > most) {
        throw new TypeError(`trustedProxies: ${proxy} is neither an address nor a CIDR block`);
      }
      if (family === 4) {
        this.#v4.addSubnet(address, prefix, 'ipv4');
      } else {
        this.#v6.addSubnet(address, prefix, 'ipv6');
      }
    }
  }

  /**
   * The client's address: the peer's, or, behind trusted proxies, the first one of
   * the header, from right to left, that is not a trusted proxy. What cannot be
   * parsed ends the walk. Undefined: the peer has no address.
   */
  clientOf(peer: string | undefined, forwardedFor: string | undefined): string | undefined {
    let client = addressOf(peer ?? '');
    if (client === undefined || forwardedFor === undefined || !this.#trusts(client)) {
      return client;
    }
    for (const hop of forwardedFor.split(',').reverse()) {
      const address = addressOf(hop.trim());
      if (address === undefined) {
        break;
      }
      client = address;
      if (!this.#trusts(address)) {
        break;
      }
    }
    return client;
  }

  #trusts(address: string): boolean {
    return isIP(address) === 4 ? this.#v4.check(address, 'ipv4') : this.#v6.check(address, 'ipv6');
  }
}

/** An address without its zone, which means nothing elsewhere; IPv4 in IPv6 is IPv4. */
function addressOf(text: string): string | undefined {
  const address = text.replace(/%.*$/, '');
  if (isIP(address) === 0) {
    return undefined;
  }
  return mappedV4.exec(address)?.[1] ?? address;
}
