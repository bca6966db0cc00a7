// node node_wasi.mjs command.wasm folder arguments...: runs a command of WASI, which sees the folder as ".".
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const [command, folder, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [command, ...args], preopens: { ".": folder }, returnOnExit: true });
const { instance } = await WebAssembly.instantiate(readFileSync(command), wasi.getImportObject());
process.exitCode = wasi.start(instance);
