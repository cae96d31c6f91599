import { open } from 'node:fs/promises';
import { join } from 'node:path';

import type { FieldError } from '../errors.js';

/** Why an event was put aside: the sidecar refused it, its id is taken, or its line is damaged. */
export type DeadLetterReason = 'rejected' | 'conflict' | 'damaged';

/** An event that can never be delivered. */
export interface DeadLetter {
  readonly reason: DeadLetterReason;
  /** The HTTP status that refused it; null: none did. */
  readonly status: number | null;
  readonly errors: readonly FieldError[];
  /** As it was sent; for a damaged line its bytes. */
  readonly json: Buffer;
}

/** The file of dead letters, which all processes of a spool folder share. */
export class DeadLetterFile {
  readonly path: string;

  constructor(root: string) {
    this.path = join(root, 'dead-letter.ndjson');
  }

  /** Appends letters and syncs: only then may the cursor pass their events. */
  async append(letters: readonly DeadLetter[]): Promise<void> {
    const at = new Date().toISOString();
    const text = letters.map((letter) => lineOf(letter, at)).join('');
    const file = await open(this.path, 'a+', 0o600);
    try {
      // A line that an earlier process could not finish must not swallow ours.
      const { size } = await file.stat();
      const last = Buffer.alloc(1, '\n');
      await file.read(last, 0, 1, Math.max(0, size - 1));
      await file.appendFile(last[0] === 0x0a ? text : `\n${text}`);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

function lineOf({ reason, status, errors, json }: DeadLetter, at: string): string {
  const head = JSON.stringify({ at, reason, status, errors }).slice(0, -1);
  // A damaged line need be neither JSON nor UTF-8.
  return reason === 'damaged'
    ? `${head},"event":null,"line":"${json.toString('base64')}"}\n`
    : `${head},"event":${json.toString()}}\n`;
}
