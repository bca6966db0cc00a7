import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

/** The library as one ES module for browsers, and what it still imports. */
export async function bundle(): Promise<{ code: string; imports: string[] }> {
  const input = fileURLToPath(new URL("../../host/index.ts", import.meta.url));
  const library = await rolldown({ input, platform: "browser", transform: { target: "es2022" }, logLevel: "silent" });
  try {
    const [chunk, ...more] = (await library.generate({ format: "esm", minify: true, codeSplitting: false })).output;
    if (more.length > 0) throw new Error(`${more.length} files beside the bundle, expected one`);
    return { code: chunk.code, imports: [...chunk.imports, ...chunk.dynamicImports] };
  } finally {
    await library.close();
  }
}
