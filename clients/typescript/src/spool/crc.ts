import * as zlib from 'node:zlib';

type Crc32 = (data: Buffer) => number;

// zlib.crc32 came with Node 20.15.
const native = (zlib as { crc32?: Crc32 }).crc32;

/** CRC-32/ISO-HDLC, as in zlib, of data. */
export const crc32: Crc32 = native ?? makeCrc32();

/** Returns the same function in plain JavaScript. */
export function makeCrc32(): Crc32 {
  const table = new Uint32Array(256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) {
      c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    }
    table[n] = c;
  }
  return (data) => {
    let c = 0xffffffff;
    for (const byte of data) {
      c = (table[(c ^ byte) & 0xff] as number) ^ (c >>> 8);
    }
    return (c ^ 0xffffffff) >>> 0;
  };
}
