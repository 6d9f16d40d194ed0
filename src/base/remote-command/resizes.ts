import type { TerminalSize } from './remote-command.ts';

/** Sizes of a terminal for one reader that may be slower than its user: only the latest counts. */
export class Resizes implements AsyncIterable<TerminalSize> {
  #latest: TerminalSize | undefined;
  #hasEnded = false;
  #wake: (() => void) | undefined;

  /** Takes what a client sends on its resize stream: JSON with `Width` and `Height`. Anything else is ignored. */
  receive(message: string): void {
    try {
      const { Width: width, Height: height } = JSON.parse(message) as { Width?: unknown; Height?: unknown };
      if (!isDimension(width) || !isDimension(height)) return;
      this.#latest = { width, height };
      this.#wake?.();
    } catch {
      // A terminal of a wrong size is no reason to end a session.
    }
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<TerminalSize> {
    for (;;) {
      const size = this.#latest;
      this.#latest = undefined;
      if (size !== undefined) yield size;
      else if (this.#hasEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

function isDimension(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 65_535;
}
