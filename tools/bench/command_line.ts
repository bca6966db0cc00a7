/** What --filter asks for: labels that have all of its words. */
export function hasWords(filter = ""): (label: string) => boolean {
  const words = filter.split(/\s+/);
  return (label) => words.every((word) => label.includes(word));
}

/** The command as it is typed. */
export function formatCommand(args: readonly string[]): string {
  const quoted = args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg));
  return ["npm run bench", ...(args.length > 0 ? ["--"] : []), ...quoted].join(" ");
}
