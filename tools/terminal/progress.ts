import { escapeText } from "../../host/base/printable.ts";

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

/** How often the seconds are shown of work that does not say how far it is. */
const TICK_MS = 1000;

/** Shows what is under way as one line with the seconds that it takes, on a terminal only; they stand still while work keeps the thread. */
export async function showWork<T>(
  label: string,
  work: () => T | Promise<T>,
  screen: ProgressScreen = process.stderr,
): Promise<T> {
  if (!screen.isTTY) return work();
  const start = performance.now();
  const draw = () => {
    const seconds = Math.round((performance.now() - start) / 1000);
    screen.write(lineFor(screen, `${label} ...${seconds > 0 ? ` ${seconds} s` : ""}`));
  };
  draw();
  const timer = setInterval(draw, TICK_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    screen.write(CLEAR_LINE);
  }
}

/** Shows long work as one changing line, on a terminal only, from its beginning on. */
export function startProgress(label: string, total: number, screen: ProgressScreen = process.stderr): Progress {
  if (!screen.isTTY) return { update: () => {}, end: () => {} };
  let lastMs = Number.NEGATIVE_INFINITY;
  const progress: Progress = {
    update(done, note = "") {
      const nowMs = performance.now();
      if (nowMs - lastMs < INTERVAL_MS && done < total) return;
      lastMs = nowMs;
      const share = total > 0 ? Math.min(done / total, 1) : 1;
      const bar = "#".repeat(Math.round(share * BAR_COLUMNS)).padEnd(BAR_COLUMNS, ".");
      screen.write(lineFor(screen, `${label} [${bar}] ${Math.floor(share * 100)} % ${note}`));
    },
    end() {
      screen.write(CLEAR_LINE);
    },
  };
  if (total > 0) progress.update(0);
  return progress;
}

/** What shows a line instead of the one before. */
function lineFor({ columns }: ProgressScreen, line: string): string {
  return CLEAR_LINE + escapeText(line.trimEnd()).slice(0, (columns || 80) - 1); // a wrapped line could not be cleared
}
