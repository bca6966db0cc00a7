import { readArch } from "./arch/layers.ts";
import { translate } from "./arch/translate.ts";
import type { Checkpoint, ImportOptions } from "./checkpoint.ts";
import { importOnnx } from "./onnx/import.ts";
import type { WeightsFile } from "./weights_file.ts";

/**
 * Reads weights without a graph, as the network that somebody described by hand (docs/arch.md): it becomes a QONNX model, and is imported as
 * one. Throws InputError for a description that does not fit itself, and CheckpointError for one that does not fit the weights; and
 * whatever the importer throws.
 */
export function importArch(file: WeightsFile, arch: string, options: ImportOptions): Checkpoint {
  const { model, notes } = translate(readArch(arch), file, options.floats);
  const checkpoint = importOnnx(model, options);
  return { ...checkpoint, notes: [...file.notes, ...notes, ...checkpoint.notes] };
}
