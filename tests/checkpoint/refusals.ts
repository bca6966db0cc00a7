import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { readCheckpoint } from "../../host/checkpoint/index.ts";

/** Second arguments of all refusals in the sources of some files of `host/checkpoint`, by their paths there; what is computed matches anything. */
export function refusalsIn(isMeant: (path: string) => boolean): RegExp[] {
  const folder = join(import.meta.dirname, "../../host/checkpoint");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => {
    return path.endsWith(".ts") && isMeant(path);
  });
  const source = files.map((name) => readFileSync(join(folder, name), "utf8"));
  const found = [
    ...source
      .join("\n")
      .matchAll(/new Refusal\(\s*(?:`[^`]*`|"(?:[^"\\]|\\.)*")\s*,\s*(?:`([^`]*)`|"((?:[^"\\]|\\.)*)")/g),
  ];
  expect(found.length).toBeGreaterThan(10);
  return found.map(([, template, text]) => {
    const parts = (template ?? text)!.split(/\$\{[^}]*\}/);
    return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^$()[\]{}|\\]/g, "\\$&")).join(".*")}$`);
  });
}

/** What reading a file throws, which it has to. */
export function refusalOf(file: Uint8Array): Error {
  try {
    readCheckpoint(file);
  } catch (error) {
    return error as Error;
  }
  throw new Error("it was read");
}
