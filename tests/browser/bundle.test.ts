import { createContext, Script } from "node:vm";
import { beforeAll, describe, expect, it } from "vitest";
import { convert, load, v8 } from "../../host/index.ts";
import { DIGITS, IMAGES } from "../digits.ts";
import { MODULE } from "../sessions.ts";
import { bundle } from "./bundle.ts";

/** What a browser has beside the language itself. No process, Buffer, require or import. */
const BROWSER = { WebAssembly, TextEncoder, TextDecoder, crypto, performance };

/** Of the library for browsers, minified: it grows only on purpose. TensorFlow Lite files take some 30 KB of it, weights without a graph some 50, models of Keras some 36, GGUF, archives of parameters and the operators of Larq some 20, float regions some 38. */
const MAX_BYTES = 454_000;

describe("the library in one file for browsers", () => {
  let code: string;
  let imports: string[];
  beforeAll(async () => {
    ({ code, imports } = await bundle());
    console.log(`littletern for browsers: ${code.length} bytes, minified`);
  });

  it(`imports nothing, and takes less than ${MAX_BYTES} bytes`, () => {
    expect(imports).toEqual([]);
    expect(code.length).toBeLessThan(MAX_BYTES);
  });

  it("converts and runs as it does here", async () => {
    const context = createContext({ ...BROWSER });
    const library = new Script(asScript(code)).runInContext(context) as typeof import("../../host/index.ts");
    const options = { file: "digits.onnx" };
    const { blob } = await library.convert(DIGITS, options);
    expect(Buffer.compare(blob, (await convert(DIGITS, options)).blob)).toBe(0);
    const session = await library.load({ module: MODULE, blob, engine: library.v8 });
    const here = await load({ module: MODULE, blob, engine: v8 });
    context.pixels = Array.from(IMAGES);
    context.session = session;
    const scores = new Script("session.run(Uint8Array.from(pixels))[0].scores").runInContext(context) as Float32Array;
    expect(Array.from(scores)).toEqual(Array.from(here.run(IMAGES)[0]!.scores));
  });
});

/** An ES module as a script that gives its exports: `export { a as b }` becomes `({ b: a })`. */
function asScript(module: string): string {
  const [before, names] = module.split(/export\s*\{/) as [string, string];
  const properties = names
    .replace(/\}\s*;?\s*$/, "")
    .split(",")
    .map((name) => {
      const [own, exported = own] = name.trim().split(/\s+as\s+/);
      return `${exported}: ${own}`;
    });
  return `(() => {${before}; return { ${properties.join(", ")} }; })()`;
}
