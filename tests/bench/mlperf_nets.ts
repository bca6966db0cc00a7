import { mulberry32 } from "../../host/numbers/random.ts";
import type { Net, NetTensor } from "../checkpoint/tflite/build.ts";

// The networks of MLPerf Tiny whose files are not at hand, of random weights: https://github.com/mlcommons/tiny, benchmark/training.

const SAME = 0;
const VALID = 1;
const RELU = 1;

/** Layers one behind another, as an int8 file has them. */
class Chain {
  readonly net: Net;
  #shape: number[];
  #last = 0;
  readonly #next = mulberry32(3);

  constructor(shape: number[]) {
    this.#shape = shape;
    this.net = { tensors: [], operators: [], inputs: [0], outputs: [] };
    this.#tensor({ name: "x", shape: [1, ...shape], scale: [0.05], zero: [0] });
  }

  #tensor(tensor: NetTensor): number {
    return this.net.tensors.push(tensor) - 1;
  }

  #apply(
    op: string,
    operands: number[],
    shape: number[],
    options: Record<string, number>,
    scale = 0.05,
    zero = -128,
  ): this {
    const output = this.#tensor({
      name: `${op}_${this.net.operators.length}`,
      shape: [1, ...shape],
      scale: [scale],
      zero: [zero],
    });
    this.net.operators.push({ op, inputs: [this.#last, ...operands], outputs: [output], options });
    [this.#last, this.#shape, this.net.outputs] = [output, shape, [output]];
    return this;
  }

  #sizes(...sizes: number[]): number {
    return this.#tensor({ name: "sizes", shape: [sizes.length], type: "INT32", data: Int32Array.from(sizes) });
  }

  /** Weights of as many channels along an axis, and their biases. */
  #weights(shape: number[], axis: number): number[] {
    const channels = shape[axis]!;
    const count = shape.reduce((a, b) => a * b, 1);
    const name = `weights_${this.net.operators.length}`;
    const data = Int8Array.from({ length: count }, () => Math.floor(255 * this.#next()) - 127);
    const scale = Array.from({ length: channels }, () => Math.fround(0.002 + 0.002 * this.#next()));
    const zero = scale.map(() => 0);
    const bias = Int32Array.from({ length: channels }, () => Math.floor(2000 * this.#next()) - 1000);
    return [
      this.#tensor({ name, shape, data, scale, zero, axis }),
      this.#tensor({
        name: `${name}_bias`,
        shape: [channels],
        type: "INT32",
        data: bias,
        scale: scale.map((s) => Math.fround(s * 0.05)),
        zero,
      }),
    ];
  }

  conv(outputs: number, height: number, width: number, stride = 1): this {
    const [h, w, c] = this.#shape as [number, number, number];
    const shape = [Math.ceil(h / stride), Math.ceil(w / stride), outputs];
    const options = { padding: SAME, strideX: stride, strideY: stride, activation: RELU, dilationX: 1, dilationY: 1 };
    return this.#apply("CONV_2D", this.#weights([outputs, height, width, c], 0), shape, options);
  }

  depthwise(stride = 1): this {
    const [h, w, c] = this.#shape as [number, number, number];
    const shape = [Math.ceil(h / stride), Math.ceil(w / stride), c];
    const steps = { padding: SAME, strideX: stride, strideY: stride, multiplier: 1, activation: RELU };
    return this.#apply("DEPTHWISE_CONV_2D", this.#weights([1, 3, 3, c], 3), shape, {
      ...steps,
      dilationX: 1,
      dilationY: 1,
    });
  }

  classes(count: number): Net {
    const [height, width, c] = this.#shape as [number, number, number];
    const window = { padding: VALID, strideX: width, strideY: height, width, height, activation: 0 };
    this.#apply("AVERAGE_POOL_2D", [], [1, 1, c], window).#apply("RESHAPE", [this.#sizes(1, c)], [c], {});
    this.#apply("FULLY_CONNECTED", this.#weights([count, c], 0), [count], { activation: 0 }, 0.1, 0);
    return this.#apply("SOFTMAX", [], [count], {}, 1 / 256, -128).net;
  }
}

/** Key words: pictures of 49 × 10, 12 classes. */
export function dsCnn(): Net {
  const net = new Chain([49, 10, 1]).conv(64, 10, 4, 2);
  for (let block = 0; block < 4; block++) net.depthwise().conv(64, 1, 1);
  return net.classes(12);
}

/** Persons: pictures of 96 × 96, 2 classes. */
export function mobileNet(): Net {
  const net = new Chain([96, 96, 3]).conv(8, 3, 3, 2);
  const blocks: [outputs: number, stride: number][] = [
    ...([
      [16, 1],
      [32, 2],
      [32, 1],
      [64, 2],
      [64, 1],
      [128, 2],
    ] as [number, number][]),
    ...Array<[number, number]>(5).fill([128, 1]),
    ...([
      [256, 2],
      [256, 1],
    ] as [number, number][]),
  ];
  for (const [outputs, stride] of blocks) net.depthwise(stride).conv(outputs, 1, 1);
  return net.classes(2);
}
