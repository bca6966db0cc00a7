// node compile.js module.wasm image.elf: what wasmtime makes of a module on the machine that this runs on.
import { readFileSync, writeFileSync } from "node:fs";
import { createWasmtime } from "../../../host/node.ts";

const [module, image] = process.argv.slice(2) as [string, string];
const wasmtime = await createWasmtime();
writeFileSync(image, wasmtime.compile(new Uint8Array(readFileSync(module))));
