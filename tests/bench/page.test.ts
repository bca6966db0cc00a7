import { expect, it } from "vitest";
import { formatPage } from "../../tools/bench/page.ts";
import { fileOf, PART_NAMES, PARTS, readParts } from "../../tools/bench/parts.ts";
import { formatRecords } from "../../tools/bench/records.ts";
import { projectFiles, read } from "../house/project_files.ts";

it("BENCHMARKS.md is what benchmarks/ says, in 15 KB", () => {
  const page = read("BENCHMARKS.md");
  expect(formatPage(readParts())).toBe(page);
  expect(Buffer.byteLength(page)).toBeLessThanOrEqual(15 * 1024);
});

it("has the sections that other pages point to", () => {
  const slugs = Array.from(read("BENCHMARKS.md").matchAll(/^#+ (.*)$/gm), ([, title]) =>
    title!.toLowerCase().replaceAll(" ", "-"),
  );
  const pages = projectFiles().filter((path) => path.endsWith(".md"));
  const links = pages.flatMap((path) =>
    Array.from(read(path).matchAll(/BENCHMARKS\.md#([^)\s]+)/g), ([, slug]) => slug!),
  );
  expect(links).not.toEqual([]);
  expect(links.filter((slug) => !slugs.includes(slug))).toEqual([]);
});

it.each(PART_NAMES)("benchmarks/%s.json is as the bench writes it, and every row is of a run", (part) => {
  const records = readParts()[part]!;
  expect(formatRecords(records)).toBe(read(fileOf(part)));
  const { runs, ...tables } = records;
  expect(Object.keys(tables)).toEqual(Object.keys(PARTS[part].keys));
  const found = Object.values<{ run: number }[]>(tables).flat();
  expect([...new Set(found.map(({ run }) => run))].sort()).toEqual(runs.map((_, index) => index));
});

it("a part that nobody has measured says how it comes about", () => {
  const page = formatPage({ ...readParts(), goals: undefined });
  expect(page).toContain("Not measured yet, by `npm run bench -- --goals`.");
  expect(page).not.toContain("| G1 |");
  expect(page).toContain("| M1 |");
});
