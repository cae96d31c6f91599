/** How often a request has failed gives how long to wait, in milliseconds. */
export type Backoff = (attempt: number) => number;

const baseMs = 100;
const capMs = 30_000;

/**
 * Full jitter: anything up to `min(30 s, 100 ms · 2^attempt)`, attempts counted from
 * 0 (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
 */
export const fullJitter: Backoff = (attempt) => Math.random() * Math.min(capMs, baseMs * 2 ** attempt);

/** A wait that can be cut short. One at a time. */
export class Signal {
  #wake: (() => void) | undefined;

  /**
   * Resolves after so many milliseconds (Infinity: never by itself), or at
   * {@link Signal.notify}. It does not keep the process alive.
   */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(() => this.notify(), ms).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the wait that is going on, if one is. */
  notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
