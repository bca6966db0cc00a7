import type { Net, NetTensor } from "./build.ts";

/** Two inputs → dense → softmax, with everything that a file of a dense layer has. */
export const DENSE: Net = {
  tensors: [
    { name: "x", shape: [1, 2], scale: [0.5], zero: [3] },
    { name: "w", shape: [2, 2], data: Int8Array.of(1, -2, 3, -4), scale: [0.25], zero: [0] },
    { name: "b", shape: [2], type: "INT32", data: Int32Array.of(5, -6), scale: [0.125], zero: [0] },
    { name: "y", shape: [1, 2], scale: [0.1], zero: [0] },
    { name: "p", shape: [1, 2], scale: [1 / 256], zero: [-128] },
  ],
  operators: [
    { op: "FULLY_CONNECTED", inputs: [0, 1, 2], outputs: [3], options: { activation: 1 } },
    { op: "SOFTMAX", inputs: [3], outputs: [4] },
  ],
  inputs: [0],
  outputs: [4],
};

/** What a test does to a net. */
export type Change = (net: Net) => unknown;

/** A copy of a net with a change. */
export function changed(net: Net, change: Change): Net {
  const copy = structuredClone(net);
  change(copy);
  return copy;
}

/** Makes all of that net uint8, its weights 126 to 131 around 128, with a change of one tensor. */
export function toUint8({ tensors }: Net, index = 0, change: Partial<NetTensor> = {}): void {
  for (const tensor of tensors) if (tensor.type !== "INT32") tensor.type = "UINT8";
  Object.assign(tensors[1]!, { data: Uint8Array.of(130, 126, 131, 129), zero: [128] });
  tensors[4]!.zero = [0];
  Object.assign(tensors[index]!, change);
}
