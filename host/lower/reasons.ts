import { type Unsupported, UnsupportedError } from "../base/errors.ts";

/** Gathers what cannot be converted, so that a person sees all of it at once. */
export class Reasons {
  private readonly list: Unsupported[] = [];

  /** Runs a part of the work; what it refuses is kept for later. */
  collect(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      for (const reason of error.reasons) this.list.push(reason);
    }
  }

  /** Throws UnsupportedError if anything was refused. */
  throwIfAny(): void {
    if (this.list.length > 0) throw new UnsupportedError(this.list);
  }
}
