import { InputError } from "../../../host/base/errors.ts";
import { gathered } from "../../../host/blob/ops/conv2d.ts";
import type { Target } from "../../../host/blob/targets.ts";
import { writeBlob } from "../../../host/blob/write.ts";
import { modelMemory } from "../../../host/cost/fit.ts";
import type { Board } from "../../../host/firmware/boards.ts";
import { runtimeNamed } from "../../../host/firmware/make/runtimes.ts";
import { convert, v8 } from "../../../host/index.ts";
import { readModule } from "../../../host/node.ts";
import { fitOf } from "../../commands/fit.ts";

/** The module with all ops, which devices run in C. */
const MODULE = "core";

/** A model as a board has room for it; some convolutions take less RAM, and more instructions. */
export interface Fitted {
  blob: Uint8Array;
  gathered: number;
}

/** Throws InputError where the board has no room. */
export async function fitTo(board: Board, file: Uint8Array): Promise<Fitted> {
  const target: Target = board.core === "rv32imac" ? "rv32" : board.core;
  const [runtime, module] = [runtimeNamed("wasm2c"), await readModule(MODULE)];
  const { blob } = await convert(file, { target });
  const { flash, ram } = fitOf(board, runtime, MODULE, blob.length, await modelMemory(blob, module, v8));
  if (flash.blobFree < 0) throw new InputError(`no room: ${-flash.blobFree} bytes of flash are missing`);
  if (ram.free >= 0) return { blob, gathered: 0 };
  const bytes = ram.total - ram.variables - ram.stack;
  const small = await convert(file, { target, ram: { bytes, engine: v8, moduleOf: async () => module } }).catch(
    (error) => {
      if (error instanceof InputError) throw new InputError(`no room: ${error.message.split(":")[0]}`);
      throw error;
    },
  );
  const changed = small.program.ops.filter((op) => op.kind === "conv2d" && !op.form).length;
  return { blob: small.blob, gathered: changed };
}

/** Bytes of activations and scratch with every convolution in its smallest form. */
export async function smallestBytes(file: Uint8Array): Promise<number> {
  const { program } = await convert(file, { target: "cortex-m4" });
  const ops = program.ops.map((op) => (op.kind === "conv2d" ? gathered(op) : op));
  const { arena, scratch } = await modelMemory(writeBlob({ ...program, ops }), await readModule(MODULE), v8);
  return arena + scratch;
}
