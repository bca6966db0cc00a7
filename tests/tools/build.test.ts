import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { PROJECT } from "../house/project_files.ts";
import { digitsBlob, scratch, ternHere } from "./tern.ts";

const { put, path } = scratch();
const model = put("digits.tern", await digitsBlob());

describe("tern build", () => {
  it("writes a module, and says what it holds and how many bytes it has", { timeout: 60_000 }, async () => {
    const out = path("module.wasm");
    const { code, stdout } = await ternHere("build", model, "-o", out);
    const { length } = readFileSync(out);
    const whole = readFileSync(join(PROJECT, "build", "scalar.wasm")).length;
    expect({ code, lines: stdout.trimEnd().split("\n") }).toEqual({
      code: 0,
      lines: [
        `${model} → ${out}: ${length.toLocaleString("en")} bytes, with all of scalar ${whole.toLocaleString("en")}`,
        "ops       dense",
        "packings  field2",
        "posts     none, thresholds",
        "dtypes    u8, i32",
        "weights   resident",
      ],
    });
    const json = await ternHere("build", model, "-o", out, "--variant", "simd", "--weights", "streaming", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({ variant: "simd", weights: "streaming", ops: ["dense"] });
  });

  it.each([
    [["--variant", "sse"], 2, '--variant "sse", expected one of scalar, simd, relaxed, core'],
    [["--weights", "flash"], 2, '--weights "flash", expected one of resident, streaming'],
  ])("refuses %j", async (args, code, message) => {
    expect(await ternHere("build", model, "-o", path("none"), ...args)).toMatchObject({
      code,
      stderr: expect.stringContaining(message),
    });
    expect(existsSync(path("none"))).toBe(false);
  });

  it("does not write over the model", async () => {
    expect((await ternHere("build", model, "-o", model)).stderr).toContain("--out is the model itself");
  });
});

describe("tern build, in the package as it ships", () => {
  const modules = path("node_modules");
  const installed = join(modules, "littletern");
  const build = () => {
    const args = [join(installed, "dist", "tools", "cli.js"), "build", model, "-o", path("shipped.wasm")];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: path(".") });
    return { status, stderr };
  };
  const link = (name: string) => {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(PROJECT, "node_modules", name), join(modules, name));
  };

  beforeAll(() => {
    const packed = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], { cwd: PROJECT });
    const [{ files }] = JSON.parse(packed.toString()) as [{ files: { path: string }[] }];
    for (const { path } of files) {
      const to = join(installed, path);
      mkdirSync(dirname(to), { recursive: true });
      cpSync(join(PROJECT, path), to);
    }
    const { dependencies } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
    for (const name of Object.keys(dependencies)) link(name);
  }, 60_000);

  it("says how to get the compiler, then compiles what ships", { timeout: 60_000 }, async () => {
    expect(build()).toEqual({
      status: 1,
      stderr: expect.stringMatching(
        /^tern: no AssemblyScript, which compiles modules: `npm install assemblyscript@\d+\.\d+\.\d+` gets it\n$/,
      ),
    });
    expect(existsSync(path("shipped.wasm"))).toBe(false);
    link("assemblyscript");
    expect(build()).toEqual({ status: 0, stderr: "" });
    const here = path("here.wasm");
    await ternHere("build", model, "-o", here);
    expect(readFileSync(path("shipped.wasm")).equals(readFileSync(here))).toBe(true);
    rmSync(join(installed, "assembly", "index.ts"));
    expect(build()).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^tern: .*assembly\/index\.ts is missing, expected the sources of the module\n$/),
    });
  });
});
