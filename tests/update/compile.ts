import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const PROJECT = join(import.meta.dirname, "..", "..");

/** build/update.wasm, compiled from the sources, of which some are changed: by path. Writes nothing. */
export async function compile(changed: Readonly<Record<string, string>> = {}): Promise<Uint8Array<ArrayBuffer>> {
  let module: Uint8Array<ArrayBuffer> | undefined;
  const { error, stderr } = await asc.main(["--config", "assembly/update/asconfig.json", "--target", "update"], {
    readFile: (name, folder) => {
      const path = join(folder, name);
      try {
        return changed[path] ?? readFileSync(join(PROJECT, path), "utf8");
      } catch {
        return null; // asc asks for names that a source may have
      }
    },
    writeFile: (_, contents) => {
      module = new Uint8Array(contents as Uint8Array); // the only file
    },
    listFiles: () => [],
  });
  if (error || !module) throw new Error(`asc: ${error?.message}\n${stderr}`);
  return module;
}
