// Text out of a file may hold anything: sequences that steer a terminal, marks that turn the direction of writing, lines that we never said.

/** What a terminal obeys or does not show: controls, formats (bidirectional marks, zero width), line ends of Unicode, halves of a surrogate pair. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const SHORT: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** One line of text in which every character can be seen: "\u001b" for what cannot. */
export function escapeText(text: string): string {
  return text.replace(UNPRINTABLE, (char) => SHORT[char] ?? escapeUnits(char));
}

/** The same for JSON, which stays JSON: its line ends are between its parts, and all other controls in its texts. */
export function escapeJson(json: string): string {
  return json.replace(UNPRINTABLE, (char) => (char === "\n" ? char : escapeUnits(char)));
}

/** UTF-16 units, as JSON and JavaScript write them. */
function escapeUnits(char: string): string {
  return Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join(
    "",
  );
}

/** Text of at most `most` characters: beginning and end of a longer one. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const tail = Math.floor((most - 1) / 3);
  const [head, end] = [text.slice(0, most - 1 - tail), text.slice(text.length - tail)];
  return `${head.replace(/[\ud800-\udbff]$/, "")}…${end.replace(/^[\udc00-\udfff]/, "")}`;
}

/** Characters of a name that are shown. */
const NAME_CHARACTERS = 64;

/** A name out of a file, for people. */
export function shown(name: string, most: number = NAME_CHARACTERS): string {
  return shorten(escapeText(name), most);
}

/** An address, or another u32, as people write it. */
export function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
