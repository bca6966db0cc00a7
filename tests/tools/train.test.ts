import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { mulberry32 } from "../../host/numbers/random.ts";
import { writeNpy } from "../../tools/inputs/npy.ts";
import { PROJECT } from "../house/project_files.ts";
import { seedCount } from "../seeds.ts";
import { CLI, type Ended, scratch, tern, ternHere } from "./tern.ts";

const { put, path, folder } = scratch();

const ARCH = put(
  "net.json",
  JSON.stringify({
    input: { name: "pixels", shape: [1, 4, 4], quantizer: { bits: 8, signed: false, scale: "1/255" } },
    layers: [
      { op: "flatten" },
      { op: "dense", name: "hidden", weights: "ternary", outputs: 16 },
      { op: "batch_norm", name: "norm" },
      { op: "quantize", bits: 2, signed: false, scale: 0.5 },
      { op: "dense", name: "last", weights: "ternary", outputs: 3 },
      { op: "batch_norm", name: "scores" },
    ],
  }),
);

/** Arrays of 4 × 4 pixels: a class is a bright row. */
const DATA = path("data");
mkdirSync(DATA);
const random = mulberry32(1);
for (const [split, count] of [
  ["train", 300],
  ["test", 60],
] as const) {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
  const bright = (i: number) => Math.floor((i % 16) / 4) === labels[Math.floor(i / 16)];
  const data = Uint8Array.from({ length: count * 16 }, (_, i) => 160 * random() + (bright(i) ? 90 : 0));
  put(join("data", `${split}_images.npy`), writeNpy({ dtype: "u8", shape: [count, 4, 4], data }));
  put(join("data", `${split}_labels.npy`), writeNpy({ dtype: "u8", shape: [count], data: labels }));
}

const argsFor = (out: string, ...more: string[]) => [
  ...["train", "--arch", ARCH, "--data", DATA, "-o", out, "--workers", "1", "--batch", "30", ...more],
];

describe("tern train", () => {
  it("trains a network that converts, and says how good it is", async () => {
    const out = path("net.onnx");
    const { code, stdout, stderr } = await ternHere(...argsFor(out, "--epochs", "12"));
    expect({ code, epochs: stderr.trimEnd().split("\n").length }).toEqual({ code: 0, epochs: 12 });
    const [first, second, third] = stdout.trimEnd().split("\n");
    expect(first).toBe(
      `${out}: ${readFileSync(out).length.toLocaleString("en")} bytes, after 12 epochs of 300 samples`,
    );
    expect(second).toContain(`the curve is in ${path("net.csv")} and ${path("net.svg")}`);
    const right = Number(/^([\d.]+) % right of 60 of the test$/.exec(third!)![1]);
    expect(right).toBeGreaterThan(90);
    expect(readFileSync(path("net.csv"), "utf8").trimEnd().split("\n")).toHaveLength(13);

    const blob = path("net.tern");
    expect((await ternHere("convert", out, "-o", blob)).code).toBe(0);
    const [images, labels] = ["test_images.npy", "test_labels.npy"].map((name) => join(DATA, name)) as [string, string];
    const evaluated = await ternHere("eval", blob, "--images", images, "--labels", labels, "--workers", "1", "--json");
    expect(100 * JSON.parse(evaluated.stdout).accuracy).toBeCloseTo(right, 1);
    expect((await ternHere("verify", blob, out)).code).toBe(0);
  });

  it("goes on from where it stands, which weights are in, too, and begins anew where it is told to", async () => {
    const out = path("again.onnx");
    const snapshot = path("again.training.safetensors");
    const run = (...more: string[]) => ternHere(...argsFor(out, "--epochs", "2", "--json", ...more));
    const first = await run();
    const again = await run();
    expect(again.stderr).toBe(`going on from ${snapshot}, behind step 20\n`);
    expect(again.stdout).toBe(first.stdout);
    expect((await run("--rate", "0.1")).stderr).toBe(
      `tern: ${snapshot}: is of another training: rate 0.005, expected 0.1; --restart begins anew\n`,
    );
    const anew = await run("--rate", "0.1", "--restart");
    expect(anew.stderr).toContain("epoch 1/2: ");
    expect((await ternHere("convert", snapshot, "--arch", ARCH, "-o", path("snapshot.tern"))).code).toBe(0);
  });

  it("holds samples out of those without a test, with the same seed the same", async () => {
    const alone = path("alone");
    mkdirSync(alone);
    for (const name of ["train_images.npy", "train_labels.npy"]) cpSync(join(DATA, name), join(alone, name));
    const held = (...more: string[]) =>
      ternHere(
        "train",
        "--arch",
        ARCH,
        "--data",
        alone,
        "-o",
        path("held.onnx"),
        "--workers",
        "1",
        "--epochs",
        "1",
        "--restart",
        "--json",
        ...more,
      );
    expect(JSON.parse((await held()).stdout)).toMatchObject({ samples: 270, test: { of: "held out", samples: 30 } });
    const third = JSON.parse((await held("--hold-out", "0.3")).stdout);
    expect(third).toMatchObject({ samples: 210, test: { samples: 90 }, curve: [{ heldOut: third.test.accuracy }] });
  });

  it("computes the same in two threads as in one", () => {
    const [one, two] = [path("one.onnx"), path("two.onnx")];
    expect(tern(...argsFor(one, "--epochs", "1")).code).toBe(0);
    expect(tern(...argsFor(two, "--epochs", "1"), "--workers", "2").code).toBe(0);
    expect(readFileSync(two).equals(readFileSync(one))).toBe(true);
  });

  it.each<[string, string[], number, string]>([
    [
      "an unknown recipe",
      ["--recipe", "bnm"],
      2,
      '--recipe "bnm", expected one of ternary, bnn, bnn-shift, bnn-stochastic',
    ],
    ["a rate of 0", ["--rate", "0"], 2, '--rate "0", expected a number above 0'],
    [
      "an unknown change of pictures",
      ["--augment", "spin"],
      2,
      '--augment "spin", expected some of shift:PIXELS, flip and crop',
    ],
    ["one dropout", ["--dropout", "0.5"], 2, '--dropout "0.5", expected two shares'],
    ["a hold-out of all", ["--hold-out", "1"], 2, '--hold-out "1", expected a share from 0 to below 1'],
    ["three means for one channel", ["--mean", "1,2,3"], 1, "3 means of an input, expected 1"],
    ["no data", ["--data", "nowhere"], 1, "no such folder"],
    [
      "more samples in a batch than there are",
      ["--batch", "301"],
      1,
      "300 samples, expected at least the 301 of a batch",
    ],
    ["a file in no folder", ["-o", path("no/folder/net.onnx")], 1, "cannot be written"],
    ["standard output", ["-o", "-"], 2, "--out: expected a file"],
    ["the network itself", ["-o", ARCH], 2, "--out: "],
  ])("refuses %s", async (_, args, code, why) => {
    const before = readdirSync(folder);
    const ended = await ternHere(...argsFor(path("refused.onnx"), ...args));
    expect(ended).toMatchObject({ code, stderr: expect.stringContaining(why) });
    expect(readdirSync(folder)).toEqual(before);
  });

  it("says what of a description it cannot train, with the file's name", async () => {
    const arch = put("bad.json", '{ "input": { "shape": [16] }, "layers": [{ "op": "dense" }] }');
    const ended = await ternHere("train", "--arch", arch, "--data", DATA, "-o", path("bad.onnx"), "--workers", "1");
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining("arch.layers[0].outputs: found nothing") });
  });
});

const KILLS = seedCount(20);

describe("tern train, stopped from outside", () => {
  const files = (out: string) => [out, out.replace(".onnx", ".csv"), out.replace(".onnx", ".svg")];
  const EPOCHS = ["--epochs", "40"];

  it(`ends alike after ${KILLS} kills at random moments`, { timeout: 120_000 }, async () => {
    const [whole, killed] = [path("whole.onnx"), path("whole_killed.onnx")];
    expect(tern(...argsFor(whole, ...EPOCHS)).code).toBe(0);
    const next = mulberry32(5);
    let kills = 0;
    for (;;) {
      const child = spawn(process.execPath, [CLI, ...argsFor(killed, ...EPOCHS)], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      const ended = once(child, "exit");
      let epochs = 0;
      const most = Math.floor(15 * next()) + 1;
      const delayMs = 40 * next();
      child.stderr!.on("data", (text) => {
        epochs += String(text).split("epoch").length - 1;
        if (kills < KILLS && epochs >= most) setTimeout(() => child.kill("SIGKILL"), delayMs);
      });
      const [code] = await ended;
      if (code === 0) break;
      kills++;
    }
    expect(kills).toBe(KILLS);
    for (const [i, file] of files(killed).entries()) {
      const text = readFileSync(file, "latin1").replaceAll(killed, whole);
      expect(text).toBe(readFileSync(files(whole)[i]!, "latin1"));
    }
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  const onLinux = process.platform === "linux"; // ulimit

  it.runIf(onLinux)("keeps what it has where the disk is full, and where a file is locked", () => {
    const out = path("full.onnx");
    const snapshot = path("full.training.safetensors");
    expect(tern(...argsFor(out, "--epochs", "1")).code).toBe(0);
    const [before, names] = [readFileSync(snapshot), readdirSync(folder)];
    // files may have 2 blocks; the signal that would end the program is ignored, so that the write fails instead
    const script = 'trap "" XFSZ; ulimit -f 2; exec "$@"';
    const args = ["-c", script, "sh", process.execPath, CLI, ...argsFor(out, "--epochs", "1", "--restart")];
    const { status, stderr } = spawnSync("sh", args, { encoding: "utf8" });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `tern: ${snapshot}: cannot be written: larger than files may be here\n`,
    });
    chmodSync(snapshot, 0o444);
    const locked = tern(...argsFor(out, "--epochs", "1", "--restart"));
    expect(locked).toMatchObject({ code: 1, stderr: `tern: ${snapshot}: cannot be written: it is read-only\n` });
    expect(readFileSync(snapshot).equals(before)).toBe(true);
    expect(readdirSync(folder)).toEqual(names);
  });
});

describe("tern train, in the package as it ships", () => {
  it("says how to get jax-js, then trains", { timeout: 120_000 }, () => {
    const modules = path("node_modules");
    const installed = join(modules, "littletern");
    const link = (name: string) => {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(PROJECT, "node_modules", name), join(modules, name));
    };
    const packed = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: PROJECT,
      encoding: "utf8",
    });
    const [{ files }] = JSON.parse(packed.stdout) as [{ files: { path: string }[] }];
    for (const { path: file } of files) {
      mkdirSync(dirname(join(installed, file)), { recursive: true });
      cpSync(join(PROJECT, file), join(installed, file));
    }
    const { dependencies } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8"));
    for (const name of Object.keys(dependencies)) link(name);
    const out = path("shipped.onnx");
    const train = (): Pick<Ended, "code" | "stderr"> => {
      const args = [join(installed, "dist", "tools", "cli.js"), ...argsFor(out, "--epochs", "1")];
      const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", cwd: folder });
      return { code: status, stderr };
    };
    expect(train()).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^tern: no jax-js, which trains networks: `npm install @jax-js\/jax@\d+\.\d+\.\d+` gets it\n$/,
      ),
    });
    expect(existsSync(out)).toBe(false);
    link("@jax-js/jax");
    expect(train()).toMatchObject({ code: 0 });
    expect(existsSync(out)).toBe(true);
  });
});
