/** Bits of colour that may be printed: 24 (any), 8 (xterm's palette) or 0 (plain text). */
export type ColourBits = 0 | 8 | 24;

/** The parts of `process.stdout` that tell what it can show. */
export interface Screen {
  isTTY?: boolean;
  getColorDepth?(env?: object): number;
}

/** Whether words may be in the colours of a terminal, whose look is up to its user. */
export function hasColours(screen: Screen, env: Record<string, string | undefined>): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return screen.isTTY === true && (screen.getColorDepth?.(env) ?? 1) >= 4;
}

/**
 * NO_COLOR (no-color.org) forbids colour, FORCE_COLOR (force-color.org; 0 none, 1 and 2 palette, 3 all) asks for it, and
 * otherwise a terminal says what it can do; a picture on a terminal of 16 colours, whose look is up to its user, gets none.
 */
export function colourBits(screen: Screen, env: Record<string, string | undefined>): ColourBits {
  if (env.NO_COLOR) return 0;
  if (env.FORCE_COLOR) return env.FORCE_COLOR === "0" ? 0 : env.FORCE_COLOR === "3" ? 24 : 8;
  if (!screen.isTTY) return 0;
  const depth = screen.getColorDepth?.(env) ?? 1;
  return depth >= 24 ? 24 : depth >= 8 ? 8 : 0;
}
