/** Longer words are looked up, not typed; comparing takes as many steps as the product of two lengths. */
const MAX_LETTERS = 64;
/** Words that are compared: out of a file there may be any number. */
const MAX_WORDS = 4096;

/** The word that somebody who typed another may have meant: at most a third of its letters are wrong, missing, surplus or in each other's place. */
export function nearest(typed: string, words: readonly string[]): string | undefined {
  if (typed.length > MAX_LETTERS) return undefined;
  const ranked = words
    .slice(0, MAX_WORDS)
    .filter(({ length }) => length <= MAX_LETTERS)
    .map((word) => ({ word, edits: edits(typed.toLowerCase(), word.toLowerCase()) }))
    .filter(({ word, edits }) => edits <= Math.max(1, Math.floor(word.length / 3)))
    .sort((a, b) => a.edits - b.edits);
  return ranked[0]?.word ?? words.find((word) => typed.length > 1 && word.startsWith(typed));
}

/** Damerau's and Levenshtein's distance: letters replaced, put in, left out, or changed places with the next. */
function edits(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, rows[i - 1]![j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1);
      }
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** `, did you mean "convert"?` */
export function didYouMean(typed: string, words: readonly string[]): string {
  const word = nearest(typed, words);
  return word === undefined ? "" : `, did you mean "${word}"?`;
}
