/** Longest text of a file that goes into a comment. */
const MOST = 80;

/**
 * A text out of a blob or a board's file, as part of a comment of C or a linker script: letters, digits and few more of ASCII; "_" stands for all
 * else. So it neither ends the comment or the line nor begins anything, in no language that is generated: no "*", "/", "\", "?" (trigraphs),
 * quote, "$", "<" or "{", and no character that is a line's end or changes a direction. It ends in no space, and is cut to 80 characters.
 */
export function inComment(text: string): string {
  return text
    .slice(0, MOST)
    .replace(/[^A-Za-z0-9 .,:;()+=_-]/g, "_")
    .trim();
}
