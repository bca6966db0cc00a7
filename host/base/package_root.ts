import { existsSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package: two levels up in the sources, three in dist/. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json")) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

/** Whether npm has installed this package into another project, without what only its developers need. */
export function isInstalled(): boolean {
  return basename(dirname(packageRoot())) === "node_modules";
}

/** The command that runs an npm script of this package, from the current folder. */
export function npmRun(script: string): string {
  const inside = relative(packageRoot(), process.cwd());
  const isOutside = inside.startsWith("..") || isAbsolute(inside); // absolute: on another drive
  return `npm run ${isOutside ? `--prefix ${relative(process.cwd(), packageRoot())} ` : ""}${script}`;
}
