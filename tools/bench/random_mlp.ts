import { readArch } from "../../host/checkpoint/arch/layers.ts";
import { translate } from "../../host/checkpoint/arch/translate.ts";
import type { StoredTensor } from "../../host/checkpoint/weights_file.ts";
import { mulberry32 } from "../../host/numbers/random.ts";

/** Pixels, two hidden layers and ten classes, as MNIST has them. */
const WIDTHS = [784, 256, 256, 10];

/**
 * A QONNX file of a ternary 784-256-256-10 of random weights, as `tern train` writes a trained one: 8-bit pixels, batch norms,
 * 4-bit codes behind a ReLU between layers.
 */
export function randomMlp(): Uint8Array {
  const next = mulberry32(WIDTHS[0]!);
  const between = (min: number, max: number) => min + (max - min) * next();
  const tensors = new Map<string, StoredTensor>();
  const add = (name: string, dims: number[], make: () => number) => {
    const data = Float32Array.from({ length: dims.reduce((product, size) => product * size) }, make);
    tensors.set(name, { dims, type: "f32", read: () => Float64Array.from(data) });
  };
  const layers = WIDTHS.slice(1).flatMap((outputs, i) => {
    const inputs = WIDTHS[i]!;
    const [dense, norm] = [`dense${i + 1}`, `dense${i + 1}.norm`];
    add(`${dense}.weight`, [outputs, inputs], () => between(-1.5, 1.5)); // a third of the codes are 0
    add(`${norm}.weight`, [outputs], () => between(0.5, 1.5));
    add(`${norm}.bias`, [outputs], () => between(-0.5, 0.5));
    add(`${norm}.running_mean`, [outputs], () => 0);
    add(`${norm}.running_var`, [outputs], () => inputs / 4); // of the sums of such codes and inputs in [0, 1]: all steps occur
    return [
      { op: "dense", name: dense, weights: { as: "ternary", scale: 1 } },
      { op: "batch_norm", name: norm },
      ...(i < WIDTHS.length - 2 ? [{ op: "quantize", bits: 4, signed: false, scale: 1 / 8 }] : []),
    ];
  });
  const quantizer = { bits: 8, signed: false, scale: "1/255" };
  const input = { name: "pixels", shape: [1, 28, 28], quantizer };
  const arch = readArch(JSON.stringify({ input, layers: [{ op: "flatten" }, ...layers] }));
  return translate(arch, { format: "safetensors", tensors, notes: [] }, "keep").model;
}
