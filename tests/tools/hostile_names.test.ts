import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { escapeText } from "../../host/base/printable.ts";
import { convert } from "../../host/convert.ts";
import { makeKeys, readKey, signBlob } from "../../host/flash/signature.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { projectFiles, read } from "../house/project_files.ts";
import { DIGITS, scratch, smallCheckpoint, ternHere, ternWith } from "./tern.ts";

/** Steers a terminal in every way that there is, and pretends lines of ours. */
const MARK = "\u001b[31m\u009b2J\u0007\u007f\r\nPROVEN\u202e\u200b\u2028\ufeff\u{e0041}";

const keys = makeKeys();
const SLOT = ["--address", "0", "--slot-size", "0x10000", "--erase-unit", "4096"];

const { path, put } = scratch();
const options = { file: `f${MARK}.onnx`, name: `name${MARK}`, classes: ["a", "b", `c${MARK}`] };
const checkpoint = put("hostile.onnx", smallCheckpoint("scores", MARK));
const model = put("hostile.tern", (await convert(smallCheckpoint("scores", MARK), options)).blob);
const index = put("index.tern", (await convert(smallCheckpoint("index", MARK), options)).blob);
const both = put("both.tern", (await convert(smallCheckpoint("both", MARK), options)).blob);
const refused = put("refused.onnx", smallCheckpoint("sigmoid", MARK));
const samples = put("x.npy", writeNpy({ shape: [2, 4], dtype: "f32", data: Float32Array.of(1, 2, 3, 0, 0, 3, 1, 2) }));
const labels = put("y.npy", writeNpy({ shape: [2], dtype: "u8", data: Uint8Array.of(0, 2) }));
const named = put(`in${MARK}.tern`, readFileSync(model));
const bad = put(`bad${MARK}`, "neither a blob nor a checkpoint, but long enough to have a header");
const none = path(`none${MARK}`);
const key = put(`key${MARK}`, keys.privatePem);
put(`key${MARK}.pub`, keys.publicPem);
const trailer = signBlob(readFileSync(model), readKey(Buffer.from(keys.privatePem), "private"));
const signed = put(`s${MARK}.tern`, Buffer.concat([readFileSync(model), trailer]));
const forged = put(`f${MARK}.tern`, Buffer.concat([readFileSync(model), trailer.fill(0x1b, 24, 30)]));

/** Nothing but what can be seen, and line ends; and no line that only a name would have made. */
function expectPrintable(text: string): void {
  for (const line of text.split("\n")) {
    expect(line).toBe(escapeText(line));
    expect(line).not.toMatch(/^PROVEN/);
  }
}

describe("no command prints a control character of an input", () => {
  const eachFile = (...args: string[]) =>
    [checkpoint, model, samples, bad, none, refused].map((file) => [...args, file]);
  it.each<string[]>([
    ["convert", checkpoint, "-o", path("out.tern")],
    ["convert", checkpoint, "-o", path(`out${MARK}.tern`), "--name", MARK, "--classes", `a,b,${MARK}`],
    ["convert", refused, "-o", path("never.tern")],
    ["convert", checkpoint, "-o", path(`no${MARK}/out.tern`)],
    ["convert", checkpoint, "-o", path("never.tern"), "--input-quant", MARK],
    ["inspect", model],
    ["inspect", named],
    ["inspect", index],
    ["repack", named, "-o", path(`re${MARK}.tern`), "--for", "storage"],
    ["run", model, samples],
    ["run", both, samples],
    ["run", index, samples, "--profile"],
    ["run", model, samples, "-o", none, "--profile"],
    ["eval", model, "--images", samples, "--labels", labels],
    ["verify", model, checkpoint, "--limit", "2"],
    ["verify", model, refused],
    ["verify", model, DIGITS],
    ["fit", named],
    ["fit", model, "--board", `${none}.json`],
    ["firmware", named, "--library", "-o", path(`lib${MARK}`)],
    ["firmware", model, "--library", "-o", bad],
    ["keygen", "-o", key],
    ["sign", named, "--key", bad, "-o", path("never.tern")],
    ["sign", named, "--key", key, "--board", MARK, "-o", path("never.tern")],
    ["sign", named, "--key", key, "-o", path(`signed${MARK}.tern`)],
    ["verify-signature", signed, "--key", `${key}.pub`],
    ["verify-signature", named, "--key", `${key}.pub`],
    ["verify-signature", forged, "--key", `${key}.pub`],
    ["flash", named, "--to", `bin:${path(`fl${MARK}`)}`, ...SLOT],
    ["flash", named, "--to", `bin:${path("never.bin")}`, ...SLOT, "--counter", MARK],
    ["flash", bad, "--to", `${MARK}:x`, ...SLOT],
    ["flash", bad, "--to", `bin:${path("never.bin")}`, ...SLOT],
    ["run", model, samples, "--engine", MARK],
    ["run", model, samples, "--engine", `device:${MARK}`],
    ["run", model, samples, "--engine", `device:/dev/${MARK}`],
    [MARK],
    ["inspect", model, MARK],
    ["inspect", model, `--${MARK}`],
    ...eachFile("inspect"),
    ["run", model, checkpoint],
    ["run", model, bad],
    ["run", model, none],
    ["verify", model, model],
    ["verify", model, bad],
    ["verify", model, none],
    ["eval", model, "--images", samples, "--labels", bad],
    ["eval", model, "--images", samples, "--labels", none],
  ])("%j", async (...args) => {
    const { stdout, stderr } = await ternHere(...args);
    expectPrintable(stdout);
    expectPrintable(stderr);
    if (args.length > 1 && !stderr) expectPrintable((await ternHere(...args, "--json")).stdout);
  });

  it("and colours of ours survive", () => {
    const { stdout } = ternWith({ NO_COLOR: "", FORCE_COLOR: "1" }, "verify", model, checkpoint, "--limit", "2");
    expect(stdout).toContain("\u001b[32mequal\u001b[39m");
    expectPrintable(stdout.replaceAll("\u001b[32m", "").replaceAll("\u001b[39m", ""));
  });
});

it("prints in one place", () => {
  const printers = projectFiles()
    .filter((file) => /^(host|tools)\/.*\.ts$/.test(file) && !/^tools\/(bench|train)\//.test(file))
    .filter((file) => /\bconsole\.|\b(stdout|stderr)\.write\(/.test(read(file)));
  expect(printers).toEqual(["tools/files/stdio.ts", "tools/terminal/print.ts"]); // the first, the bytes of files
});
