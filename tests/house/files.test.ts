import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { expect, it } from "vitest";
import { PROJECT, projectFiles, read } from "./project_files.ts";

const FILES = projectFiles();

it("names folders and sources in snake_case", () => {
  // data keeps the name that its format or maker gave it
  const sources = FILES.filter((path) => path.includes("/") && /\.(ts|mjs|js|py|c|h)$/.test(path));
  expect(sources.filter((path) => !/^([a-z0-9_.]+\/)+[a-z0-9_]+(\.[a-z0-9]+)*$/.test(path))).toEqual([]);
});

it("has no file above 1 MB", () => {
  expect(FILES.filter((path) => statSync(join(PROJECT, path)).size > 1_000_000)).toEqual([]);
});

it("has no link to a file that is not there", () => {
  const links = FILES.filter((path) => path.endsWith(".md")).flatMap((path) =>
    Array.from(read(path).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g), ([, link]) => ({ path, link: link! })),
  );
  const relative = links.filter(({ link }) => !/^[a-z]+:/.test(link));
  expect(relative.length).toBeGreaterThan(50);
  expect(relative.filter(({ path, link }) => !existsSync(join(PROJECT, dirname(path), link)))).toEqual([]);
});

it("leaves no test alone with `.only`", () => {
  const tests = FILES.filter((path) => /\.(test|spec)\.ts$/.test(path) && basename(path) !== "files.test.ts");
  expect(tests.filter((path) => /\b(it|test|describe)(\.\w+)*\.only\b|\b(fit|fdescribe)\(/.test(read(path)))).toEqual(
    [],
  );
});
