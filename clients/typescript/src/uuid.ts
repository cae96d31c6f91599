import { randomUUID } from 'node:crypto';

/**
 * Makes UUIDs of version 7 (RFC 9562) that grow: ids of one millisecond count
 * upwards in the 12 bits after the version (section 6.2, method 1), and a clock
 * that steps back does not take them along.
 */
export class IdSource {
  #ms = 0;
  #count = 0;

  next(now: number = Date.now()): string {
    if (now > this.#ms) {
      this.#ms = now;
      this.#count = Math.floor(Math.random() * 0x400); // room to count in
    } else if (++this.#count > 0xfff) {
      this.#ms++;
      this.#count = 0;
    }
    const time = this.#ms.toString(16).padStart(12, '0');
    const count = this.#count.toString(16).padStart(3, '0');
    // Variant and 62 random bits, from a pool of the platform's entropy.
    return `${time.slice(0, 8)}-${time.slice(8)}-7${count}${randomUUID().slice(18)}`;
  }
}
