/** Breaks text between words into lines of at most `width` characters, all but the first indented. A longer word stays whole. */
export function wrapText(text: string, width = 80, indent = "    "): string[] {
  const lines: string[] = [];
  let line = "";
  if (text.length <= width) return [text];
  for (const word of text.match(/ *[^ ]+/g) ?? []) {
    if (line !== "" && line.length + word.length > width) {
      lines.push(line);
      line = indent + word.trimStart();
    } else {
      line += word;
    }
  }
  return [...lines, line];
}
