import { isIP } from 'node:net';

const mappedV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** A block of addresses: those whose first bits are the prefix. */
interface Block {
  readonly prefix: bigint;
  readonly shift: bigint; // of the bits that may differ
}

/** The proxies whose `X-Forwarded-For` is believed. */
export class TrustedProxies {
  // Not a net.BlockList: it would find an IPv4 address in ::/0, and takes several
  // microseconds for each look.
  readonly #blocks: { readonly 4: Block[]; readonly 6: Block[] } = { 4: [], 6: [] };

  /** Takes addresses and CIDR blocks. Throws a TypeError that names what is neither. */
  constructor(proxies: readonly string[]) {
    for (const proxy of proxies) {
      const [address = '', bits, ...more] = proxy.split('/');
      const family = isIP(address);
      const width = family === 4 ? 32 : 128;
      const length = bits === undefined ? width : Number(bits);
      if (family === 0 || address.includes('%') || more.length > 0 || !/^\d+$/.test(bits ?? '0') || length > width) {
        throw new TypeError(`trustedProxies: ${proxy} is neither an address nor a CIDR block`);
      }
      const shift = BigInt(width - length);
      this.#blocks[family as 4 | 6].push({ prefix: numberOf(address) >> shift, shift });
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
    const blocks = this.#blocks[address.includes(':') ? 6 : 4];
    if (blocks.length === 0) {
      return false;
    }
    const number = numberOf(address);
    return blocks.some(({ prefix, shift }) => number >> shift === prefix);
  }
}

/** An address without its zone, which means nothing elsewhere; IPv4 in IPv6 is IPv4. */
function addressOf(text: string): string | undefined {
  const at = text.indexOf('%');
  const address = at < 0 ? text : text.slice(0, at);
  if (isIP(address) === 0) {
    return undefined;
  }
  return mappedV4.exec(address)?.[1] ?? address;
}

/** A valid address as a number of 32 or 128 bits. */
function numberOf(address: string): bigint {
  if (!address.includes(':')) {
    return BigInt(address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0));
  }
  // What stands for IPv4 at the end becomes two groups.
  const text = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array<string>(8 - before.length - after.length).fill('0');
  return [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) + BigInt(`0x${group}`), 0n);
}
