/** The parts of BENCHMARKS.md, in their order, and the command that writes each and leaves the others as they are. */
export const PARTS = {
  goals: "npm run bench -- --goals",
  "device goals": "npm run bench -- --device --goals",
  device: "npm run bench -- --device",
  "machine code": "npm run bench -- --machine-code",
  measurements: "npm run bench -- --peers",
};
export type Part = keyof typeof PARTS;

const TITLE = ["# Benchmarks", "", "Machines differ: only ratios within one run mean something elsewhere."];

/** The page with new lines for one of its parts. A page without its markers is begun anew. */
export function withPart(page: string, part: Part, lines: readonly string[]): string {
  const parts = (Object.keys(PARTS) as Part[]).map((name) => {
    const content = name === part ? lines.join("\n") : contentOf(page, name);
    return `${startOf(name)}\n\n${content}\n\n${endOf(name)}`;
  });
  return `${[TITLE.join("\n"), ...parts].join("\n\n")}\n`;
}

function contentOf(page: string, part: Part): string {
  const start = page.indexOf(startOf(part));
  const end = page.indexOf(endOf(part));
  if (start < 0 || end < start) return `Not measured yet: \`${PARTS[part]}\` writes this part.`;
  return page.slice(start + startOf(part).length, end).trim();
}

function startOf(part: Part): string {
  return `<!-- ${part}: written by \`${PARTS[part]}\`, not by hand -->`;
}

function endOf(part: Part): string {
  return `<!-- end of ${part} -->`;
}
