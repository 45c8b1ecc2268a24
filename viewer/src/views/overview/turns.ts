// So many at a time, the others in the order in which they came.

export class Turns {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(most: number) {
    this.free = most;
  }

  /** Do *work* when it is its turn; nothing at all if *signal* is aborted before that. */
  async take(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((begin) => this.waiting.push(begin));
    try {
      if (!signal.aborted) await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}
