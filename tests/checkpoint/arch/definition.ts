// What a network described by hand means, in plain loops over one sample: the slow, obvious definition beside host/checkpoint/arch.

/** A tensor of a file, row-major. */
export interface Given {
  shape: number[];
  data: number[];
}

/** A picture in [channels][height][width]; a vector is one of height and width 1. */
type Picture = number[][][];

// biome-ignore lint/suspicious/noExplicitAny: the JSON as people write it
type Json = any;

/** What the network makes of the elements of one input, in their order. */
export function compute(arch: Json, tensors: Record<string, Given>, input: number[]): number[] {
  const { shape, layout, quantizer } = arch.input;
  let x: Picture;
  if (shape.length === 1) x = input.map((e) => [[e]]);
  else if (layout === "hwc") {
    const [h, w, c] = shape;
    x = picture(c, h, w, (z, i, j) => input[(i * w + j) * c + z]!);
  } else {
    const [c, h, w] = shape;
    x = picture(c, h, w, (z, i, j) => input[(z * h + i) * w + j]!);
  }
  if (quantizer) x = quantize(x, quantizer, tensors);
  const results = new Map<string, Picture>([[arch.input.name ?? "input", x]]);
  arch.layers.forEach((layer: Json, i: number) => {
    const name = layer.name ?? `${layer.op}_${i}`;
    const from = layer.from === undefined ? x : results.get(layer.from)!;
    x = run(layer, name, from, tensors, layout ?? "chw", results);
    results.set(name, x);
  });
  return x.flat(2);
}

function picture(c: number, h: number, w: number, at: (z: number, i: number, j: number) => number): Picture {
  return Array.from({ length: c }, (_, z) =>
    Array.from({ length: h }, (_, i) => Array.from({ length: w }, (_, j) => at(z, i, j))),
  );
}

const map = (x: Picture, f: (e: number, z: number) => number): Picture =>
  x.map((plane, z) => plane.map((row) => row.map((e) => f(e, z))));

const pair = (value: Json): [number, number] => (typeof value === "number" ? [value, value] : value);

function run(
  layer: Json,
  name: string,
  x: Picture,
  tensors: Record<string, Given>,
  layout: string,
  results: Map<string, Picture>,
): Picture {
  const named = (field: string, usual: string): number[] | undefined => {
    const given = layer.tensors?.[field];
    return given === false ? undefined : tensors[given ?? `${name}.${usual}`]?.data;
  };
  const [c, h, w] = [x.length, x[0]!.length, x[0]![0]!.length];
  switch (layer.op) {
    case "dense": {
      const given = tensors[layer.tensors?.weight ?? `${name}.weight`]!;
      const { shape, data } = layer.packed ? unpacked(given) : given;
      const [outs, ins] = layer.layout === "IO" ? [shape[1]!, shape[0]!] : [shape[0]!, shape[1]!];
      const rows = Array.from({ length: outs }, (_, o) =>
        Array.from({ length: ins }, (_, i) => (layer.layout === "IO" ? data[i * outs + o]! : data[o * ins + i]!)),
      );
      const weights = quantizeWeights(rows, layer.weights, tensors);
      const bias = named("bias", "bias");
      return weights.map((row, o) => [[row.reduce((sum, wt, i) => sum + wt * x[i]![0]![0]!, 0) + (bias?.[o] ?? 0)]]);
    }
    case "conv2d":
    case "depthwise": {
      const { shape, data } = tensors[layer.tensors?.weight ?? `${name}.weight`]!;
      const groups = layer.op === "depthwise" ? c : (layer.groups ?? 1);
      const isTurned = layer.layout === "HWIO";
      const [kh, kw] = isTurned ? [shape[0]!, shape[1]!] : [shape[2]!, shape[3]!];
      const outs = !isTurned ? shape[0]! : layer.op === "depthwise" ? shape[2]! * shape[3]! : shape[3]!;
      const ins = c / groups;
      const at = (o: number, i: number, y: number, z: number) => {
        const [ky, kx] = layer.flipped ? [kh - 1 - y, kw - 1 - z] : [y, z];
        if (!isTurned) return data[((o * ins + i) * kh + ky) * kw + kx]!;
        // [kh, kw, inputs, outputs], or of a depthwise layer [kh, kw, channels, outputs of each]: either way outputs end it
        const per = layer.op === "depthwise" ? c * shape[3]! : ins * outs;
        const place = layer.op === "depthwise" ? o : i * outs + o;
        return data[(ky * kw + kx) * per + place]!;
      };
      const rows = Array.from({ length: outs }, (_, o) =>
        Array.from({ length: ins * kh * kw }, (_, k) =>
          at(o, Math.floor(k / (kh * kw)), Math.floor(k / kw) % kh, k % kw),
        ),
      );
      const weights = quantizeWeights(rows, layer.weights, tensors);
      const bias = named("bias", "bias");
      const [dy, dx] = pair(layer.dilation ?? 1);
      const { sy, sx, top, left, height, width } = place(layer, kh, kw, dy, dx, h, w, 1);
      return picture(outs, height, width, (o, i, j) => {
        let sum = bias?.[o] ?? 0;
        const first = Math.floor(o / (outs / groups)) * ins;
        for (let z = 0; z < ins; z++)
          for (let y = 0; y < kh; y++)
            for (let k = 0; k < kw; k++) {
              const e = x[first + z]![i * sy - top + y * dy]?.[j * sx - left + k * dx] ?? 0;
              sum += weights[o]![(z * kh + y) * kw + k]! * e;
            }
        return sum;
      });
    }
    case "batch_norm": {
      const [gamma, beta, mean] = [named("weight", "weight"), named("bias", "bias"), named("mean", "running_mean")!];
      const inverse = layer.tensors?.inverse_deviation;
      const variance = named("variance", "running_var");
      const epsilon = Math.fround(layer.epsilon ?? 1e-5);
      return map(x, (e, z) => {
        const factor = inverse ? tensors[inverse]!.data[z]! : 1 / Math.sqrt(variance![z]! + epsilon);
        return (e - mean[z]!) * factor * (gamma?.[z] ?? 1) + (beta?.[z] ?? 0);
      });
    }
    case "bias":
      return map(x, (e, z) => e + named("bias", "bias")![z]!);
    case "relu":
      return map(x, (e) => Math.max(0, e));
    case "sign":
      return map(x, (e, z) => (e >= 0 ? 1 : -1) * factor(layer.scale ?? 1, tensors, z));
    case "quantize":
      return quantize(x, layer, tensors);
    case "maxpool":
    case "avgpool": {
      const [kh, kw] = layer.kernel === "global" ? [h, w] : pair(layer.kernel);
      const { sy, sx, top, left, height, width } = place(
        layer,
        kh,
        kw,
        1,
        1,
        h,
        w,
        layer.kernel === "global" ? 1 : layer.kernel,
      );
      return picture(c, height, width, (z, i, j) => {
        const seen: number[] = [];
        for (let y = 0; y < kh; y++)
          for (let k = 0; k < kw; k++) {
            const e = x[z]![i * sy - top + y]?.[j * sx - left + k];
            if (e !== undefined) seen.push(e);
          }
        if (layer.op === "maxpool") return Math.max(...seen);
        return seen.reduce((a, b) => a + b, 0) / (layer.counts_padding ? kh * kw : seen.length);
      });
    }
    case "shortcut": {
      const [sy, sx] = pair(layer.stride ?? 1);
      const zeros = (layer.channels - c) / 2;
      return picture(
        layer.channels,
        Math.ceil(h / sy),
        Math.ceil(w / sx),
        (z, i, j) => x[z - zeros]?.[i * sy]?.[j * sx] ?? 0,
      );
    }
    case "flatten": {
      const order = layer.order ?? layout;
      const flat =
        order === "chw"
          ? x.flat(2)
          : Array.from({ length: c * h * w }, (_, i) => x[i % c]![Math.floor(i / c / w)]![Math.floor(i / c) % w]!);
      return flat.map((e) => [[e]]);
    }
    case "add": {
      const other = results.get(layer.with)!;
      return x.map((plane, z) => plane.map((row, i) => row.map((e, j) => e + other[z]![i]![j]!)));
    }
    case "argmax": {
      const flat = x.flat(2);
      return [[[flat.indexOf(Math.max(...flat))]]];
    }
    default:
      throw new Error(layer.op);
  }
}

/** Where a window begins, and how many there are. */
function place(layer: Json, kh: number, kw: number, dy: number, dx: number, h: number, w: number, usualStride: Json) {
  const [sy, sx] = pair(layer.stride ?? usualStride);
  const padding = layer.padding ?? 0;
  const same = (size: number, k: number, s: number, d: number) =>
    Math.max(0, (Math.ceil(size / s) - 1) * s + (k - 1) * d + 1 - size);
  let [top, left, bottom, right] = [0, 0, 0, 0];
  if (padding === "same") {
    const [y, x] = [same(h, kh, sy, dy), same(w, kw, sx, dx)];
    [top, left, bottom, right] = [Math.floor(y / 2), Math.floor(x / 2), Math.ceil(y / 2), Math.ceil(x / 2)];
  } else if (typeof padding === "number") [top, left, bottom, right] = [padding, padding, padding, padding];
  else if (padding.length === 2) [top, left, bottom, right] = [...padding, ...padding];
  else if (padding.length === 4) [top, left, bottom, right] = padding;
  const height = Math.floor((h + top + bottom - (kh - 1) * dy - 1) / sy) + 1;
  const width = Math.floor((w + left + right - (kw - 1) * dx - 1) / sx) + 1;
  return { sy, sx, top, left, height, width };
}

function factor(value: Json, tensors: Record<string, Given>, z: number): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") return Number(value.split("/")[0]) / Number(value.split("/")[1]);
  const { data } = tensors[value.tensor]!;
  return data.length === 1 ? data[0]! : data[z]!;
}

/** To the nearest integer, of two equally near to the even one. */
function round(e: number): number {
  const down = Math.floor(e);
  if (e - down !== 0.5) return Math.round(e);
  return down % 2 === 0 ? down : down + 1;
}

function quantize(
  x: Picture,
  { bits, signed, scale, zero = 0, narrow }: Json,
  tensors: Record<string, Given>,
): Picture {
  const least = (signed ? -(2 ** (bits - 1)) : 0) + (narrow && signed ? 1 : 0);
  const most = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1 - (narrow ? 1 : 0);
  return map(x, (e, z) => {
    const s = factor(scale, tensors, z);
    return (Math.min(most, Math.max(least, round(e / s + zero))) - zero) * s;
  });
}

/** Output r + i · rows is in bits 2i and 2i + 1 of row r, and 1 more than it is. */
function unpacked({ shape: [rows, ins], data }: Given): Given {
  const at = (o: number, k: number) => Math.floor(data[(o % rows!) * ins! + k]! / 4 ** Math.floor(o / rows!)) % 4;
  return {
    shape: [4 * rows!, ins!],
    data: Array.from({ length: 4 * rows! * ins! }, (_, i) => at(Math.floor(i / ins!), i % ins!) - 1),
  };
}

function quantizeWeights(rows: number[][], given: Json, tensors: Record<string, Given>): number[][] {
  if (given === undefined) return rows;
  const { as, scale, per, times, centred, divides } = typeof given === "object" ? given : ({ as: given } as Json);
  const half = as === "2sym" ? 2 : as === "4sym" ? 8 : undefined;
  const limit = half ? half - 0.5 : as === "ternary" || as === "binary" || as === "codes" ? 1 : 2 ** (as - 1) - 1;
  const s = scale ?? (half || as === "ternary" ? "absmean" : as === "binary" || as === "codes" ? 1 : "absmax");
  return rows.map((row, o) => {
    const measured = per === "channel" ? row : rows.flat();
    const mean = measured.reduce((sum, e) => sum + Math.abs(e), 0) / measured.length;
    const by = factor(times ?? 1, tensors, o);
    const unit =
      s === "absmean"
        ? by * mean
        : s === "absmax"
          ? (by * Math.max(...measured.map(Math.abs))) / limit
          : factor(s, tensors, o);
    if (half) return row.map((e) => (Math.max(-half, Math.min(half - 1, round(e / unit - 0.5))) + 0.5) * unit);
    const middle = centred ? rows.flat().reduce((sum, e) => sum + e, 0) / rows.flat().length : 0;
    if (centred) return row.map((e) => (e >= middle ? unit : -unit));
    if (as === "codes") return row.map((e) => (divides ? e / unit : e * unit));
    if (as === "binary") return row.map((e) => (e >= 0 ? unit : -unit));
    return row.map((e) => Math.max(-limit, Math.min(limit, round(e / unit))) * unit);
  });
}
