/** The part of `process.stderr` that progress needs. */
export interface ProgressScreen {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

export interface Progress {
  /** Shows how far the work is, with a short note. */
  update(done: number, note?: string): void;
  /** Clears the line. */
  end(): void;
}

const BAR_COLUMNS = 24;
const CLEAR_LINE = "\r\x1b[K";
/** Redrawing more often only costs time. */
const INTERVAL_MS = 100;

/** Shows long work as one changing line, on a terminal only. */
export function startProgress(label: string, total: number, screen: ProgressScreen = process.stderr): Progress {
  if (!screen.isTTY) return { update: () => {}, end: () => {} };
  let lastMs = Number.NEGATIVE_INFINITY;
  return {
    update(done, note = "") {
      const nowMs = performance.now();
      if (nowMs - lastMs < INTERVAL_MS && done < total) return;
      lastMs = nowMs;
      const share = total > 0 ? Math.min(done / total, 1) : 1;
      const bar = "#".repeat(Math.round(share * BAR_COLUMNS)).padEnd(BAR_COLUMNS, ".");
      const line = `${label} [${bar}] ${Math.floor(share * 100)} % ${note}`.trimEnd();
      screen.write(CLEAR_LINE + line.slice(0, (screen.columns ?? 80) - 1)); // a wrapped line could not be cleared
    },
    end() {
      screen.write(CLEAR_LINE);
    },
  };
}
