import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const PROJECT = join(import.meta.dirname, "..", "..");

/** Paths, from the project's folder on, of all files that .gitignore does not leave out. */
export function projectFiles(): string[] {
  const ignored = new Set([
    ".git",
    ...read(".gitignore")
      .split("\n")
      .map((line) => line.replace(/\/$/, "")),
  ]);
  const walk = (folder: string): string[] =>
    readdirSync(join(PROJECT, folder), { withFileTypes: true })
      .filter(({ name }) => !ignored.has(name) && !name.endsWith(".tgz"))
      .flatMap((entry) => (entry.isDirectory() ? walk(`${folder}${entry.name}/`) : [`${folder}${entry.name}`]));
  return walk("");
}

export function read(path: string): string {
  return readFileSync(join(PROJECT, path), "utf8");
}

export function readBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(PROJECT, path)));
}
