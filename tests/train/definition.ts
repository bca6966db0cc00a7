import { mulberry32 } from "../../host/numbers/random.ts";

// Training steps of a small network by plain loops in float64: what a trainer's steps are held against. A network is dense, batch norm and activation,
// layer upon layer, the last without an activation; recipes are those of tools/train/recipes, said in words.

export type Matrix = number[][];

/** A layer as it is given: latent weights [outputs, inputs], and what its batch norm has learned and gathered. */
export interface GivenLayer {
  weight: Matrix;
  norm: { weight: number[]; bias: number[]; running_mean: number[]; running_var: number[] };
}

export interface Given {
  weights: "binary" | "ternary";
  activation: "sign" | { bits: number; scale: number };
  norm: "plain" | "shift";
  loss: "squared hinge" | "cross entropy";
  optimizer: "adam" | "shift adamax";
  /** What steps of weights are multiplied by: 1, Glorot's 1 / √(1.5 / (inputs + outputs)), or its AP2. */
  weightRate: "one" | "glorot" | "ap2 of glorot";
  clipsWeights: boolean;
  epsilon: number;
  /** The real value of one code of the input. */
  scale: number;
  layers: GivenLayer[];
  /** One for each step: codes [samples, features], classes, and the learning rate. */
  steps: { codes: Matrix; labels: number[]; rate: number }[];
}

/** Behind a step. */
export interface Stand {
  loss: number;
  scores: Matrix;
  layers: GivenLayer[];
}

const ap2 = (x: number) => (x === 0 ? 0 : Math.sign(x) * 2 ** Math.round(Math.log2(Math.abs(x))));
const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const mean = (values: number[]) => sum(values) / values.length;
const column = (matrix: Matrix, c: number) => matrix.map((row) => row[c]!);
const outer = (rows: number, columns: number, of: (row: number, column: number) => number): Matrix =>
  Array.from({ length: rows }, (_, row) => Array.from({ length: columns }, (_, c) => of(row, c)));
const roundHalfEven = (x: number) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const clip = (x: number, min: number, max: number) => Math.min(Math.max(x, min), max);

/** All steps, one after another. */
export function trainBySteps(given: Given): Stand[] {
  let layers = structuredClone(given.layers);
  const moments = layers.map(({ weight, norm }) => ({
    weight: weight.map((row) => row.map(() => [0, 0] as [number, number])),
    gamma: norm.weight.map(() => [0, 0] as [number, number]),
    beta: norm.bias.map(() => [0, 0] as [number, number]),
  }));
  return given.steps.map(({ codes, labels, rate }, i) => {
    const { loss, scores, passed, gradients } = differentiate(given, layers, codes, labels);
    const step = (gradient: number, moment: [number, number]) => stepOf(given.optimizer, gradient, moment, rate, i + 1);
    layers = layers.map(({ weight, norm }, l) => {
      const gradient = gradients[l]!;
      const [outputs, inputs] = [weight.length, weight[0]!.length];
      const glorot = 1 / Math.sqrt(1.5 / (inputs + outputs));
      const factor = { one: 1, glorot, "ap2 of glorot": ap2(glorot) }[given.weightRate];
      const moved = outer(outputs, inputs, (m, k) => {
        const w = weight[m]![k]! - factor * step(gradient.weight[m]![k]!, moments[l]!.weight[m]![k]!);
        return given.clipsWeights ? clip(w, -1, 1) : w;
      });
      const { means, variances } = passed[l]!;
      return {
        weight: moved,
        norm: {
          weight: norm.weight.map((g, c) => g - step(gradient.gamma[c]!, moments[l]!.gamma[c]!)),
          bias: norm.bias.map((b, c) => b - step(gradient.beta[c]!, moments[l]!.beta[c]!)),
          running_mean: norm.running_mean.map((m, c) => 0.9 * m + 0.1 * means[c]!),
          running_var: norm.running_var.map((v, c) => 0.9 * v + 0.1 * variances[c]!),
        },
      };
    });
    return { loss, scores, layers: structuredClone(layers) };
  });
}

/** What to subtract; changes the moment. */
function stepOf(optimizer: Given["optimizer"], g: number, moment: [number, number], rate: number, t: number): number {
  if (optimizer === "adam") {
    moment[0] = 0.9 * moment[0] + 0.1 * g;
    moment[1] = 0.999 * moment[1] + 0.001 * g * g;
    return (((rate * Math.sqrt(1 - 0.999 ** t)) / (1 - 0.9 ** t)) * moment[0]) / (Math.sqrt(moment[1]) + 1e-8);
  }
  moment[0] = (1 - 2 ** -3) * moment[0] + 2 ** -3 * g;
  moment[1] = Math.max((1 - 2 ** -10) * moment[1], Math.abs(g));
  return ap2(rate / (1 - (1 - 2 ** -3) ** t)) * moment[0] * ap2(1 / (moment[1] + 2 ** -27));
}

interface Passed {
  /** Real values that go in, and real weights. */
  x: Matrix;
  w: Matrix;
  centred: Matrix;
  means: number[];
  variances: number[];
  inverses: number[];
  y: Matrix;
}

function differentiate(given: Given, layers: GivenLayer[], codes: Matrix, labels: number[]) {
  const passed: Passed[] = [];
  let x = codes.map((row) => row.map((code) => code * given.scale));
  for (const [l, layer] of layers.entries()) {
    passed.push(forward(given, layer, x));
    if (l < layers.length - 1) x = passed[l]!.y.map((row) => row.map((y) => activate(given.activation, y)));
  }
  const scores = passed.at(-1)!.y;
  const { loss, gradient } = lossOf(given.loss, scores, labels);
  const gradients = new Array<{ weight: Matrix; gamma: number[]; beta: number[] }>(layers.length);
  let dy = gradient;
  for (let l = layers.length - 1; l >= 0; l--) {
    const back = backward(given, layers[l]!, passed[l]!, dy);
    gradients[l] = back;
    if (l > 0)
      dy = back.x.map((row, n) =>
        row.map((d, c) => (passesActivation(given.activation, passed[l - 1]!.y[n]![c]!) ? d : 0)),
      );
  }
  return { loss, scores, passed, gradients };
}

function forward({ weights, norm, epsilon }: Given, { weight, norm: affine }: GivenLayer, x: Matrix): Passed {
  const scale = weights === "ternary" ? mean(weight.flat().map(Math.abs)) : 1;
  const w = weight.map((row) =>
    row.map((each) => (weights === "binary" ? (each >= 0 ? 1 : -1) : scale * clip(roundHalfEven(each / scale), -1, 1))),
  );
  const z = outer(x.length, w.length, (n, m) => sum(x[n]!.map((each, k) => each * w[m]![k]!)));
  const shift = norm === "shift" ? ap2 : (each: number) => each;
  const means = w.map((_, m) => mean(column(z, m)));
  const centred = z.map((row) => row.map((each, m) => each - means[m]!));
  const variances = means.map((_, m) => mean(column(centred, m).map((c) => c * shift(c))));
  const inverses = variances.map((v) => shift(1 / Math.sqrt(v + epsilon)));
  const y = centred.map((row) => row.map((c, m) => shift(affine.weight[m]!) * c * inverses[m]! + affine.bias[m]!));
  return { x, w, centred, means, variances, inverses, y };
}

/** Gradients by those of y. AP2 has that of its argument. */
function backward({ weights, norm, epsilon }: Given, { weight, norm: affine }: GivenLayer, passed: Passed, dy: Matrix) {
  const { x, w, centred, variances, inverses } = passed;
  const shift = norm === "shift" ? ap2 : (each: number) => each;
  const samples = x.length;
  const gamma = w.map((_, m) => sum(dy.map((row, n) => row[m]! * centred[n]![m]! * inverses[m]!)));
  const beta = w.map((_, m) => sum(column(dy, m)));
  const dVariance = w.map((_, m) => {
    const dInverse = sum(dy.map((row, n) => row[m]! * shift(affine.weight[m]!) * centred[n]![m]!));
    return dInverse * -0.5 * (variances[m]! + epsilon) ** -1.5;
  });
  const dCentred = dy.map((row, n) =>
    row.map((d, m) => {
      const c = centred[n]![m]!;
      return d * shift(affine.weight[m]!) * inverses[m]! + (dVariance[m]! * (shift(c) + c)) / samples;
    }),
  );
  const dMean = w.map((_, m) => mean(column(dCentred, m)));
  const dz = dCentred.map((row) => row.map((d, m) => d - dMean[m]!));
  const passes = (each: number) => weights === "ternary" || Math.abs(each) <= 1;
  return {
    ...{ gamma, beta },
    weight: weight.map((row, m) => row.map((each, k) => (passes(each) ? sum(dz.map((d, n) => d[m]! * x[n]![k]!)) : 0))),
    x: x.map((row, n) => row.map((_, k) => sum(w.map((each, m) => dz[n]![m]! * each[k]!)))),
  };
}

function activate(activation: Given["activation"], y: number): number {
  if (activation === "sign") return y >= 0 ? 1 : -1;
  const { bits, scale } = activation;
  return scale * clip(roundHalfEven(y / scale), 0, 2 ** bits - 1);
}

function passesActivation(activation: Given["activation"], y: number): boolean {
  if (activation === "sign") return Math.abs(y) <= 1;
  return y >= 0 && y / activation.scale <= 2 ** activation.bits - 1;
}

function lossOf(loss: Given["loss"], scores: Matrix, labels: number[]): { loss: number; gradient: Matrix } {
  const samples = scores.length;
  if (loss === "squared hinge") {
    const margins = scores.map((row, n) => row.map((y, c) => Math.max(0, 1 - (labels[n] === c ? y : -y))));
    const count = samples * scores[0]!.length;
    const gradient = margins.map((row, n) => row.map((margin, c) => ((labels[n] === c ? -2 : 2) * margin) / count));
    return { loss: sum(margins.flat().map((margin) => margin ** 2)) / count, gradient };
  }
  const shares = scores.map((row) => {
    const powers = row.map(Math.exp);
    return powers.map((power) => power / sum(powers));
  });
  const gradient = shares.map((row, n) => row.map((share, c) => (share - (labels[n] === c ? 1 : 0)) / samples));
  return { loss: -mean(shares.map((row, n) => Math.log(row[labels[n]!]!))), gradient };
}

const WIDTHS = [6, 5, 4, 3];
const SAMPLES = 8;

/** With seeds for which no gradient is near 0 but those that are 0: Adam and AdaMax make whole steps of the smallest, of rounding errors, too. */
const RECIPES: Record<string, Omit<Given, "layers" | "steps"> & { rate: number; seed: number }> = {
  bnn: {
    ...{ weights: "binary", activation: "sign", norm: "plain", loss: "squared hinge", optimizer: "adam" },
    ...{ weightRate: "glorot", clipsWeights: true, epsilon: 1e-4, scale: 1 / 128, rate: 0.003, seed: 1020 },
  },
  "bnn-shift": {
    ...{ weights: "binary", activation: "sign", norm: "shift", loss: "squared hinge", optimizer: "shift adamax" },
    ...{ weightRate: "ap2 of glorot", clipsWeights: true, epsilon: 1e-4, scale: 1 / 128, rate: 2 ** -6, seed: 2053 },
  },
  ternary: {
    ...{
      weights: "ternary",
      activation: { bits: 2, scale: 0.5 },
      norm: "plain",
      loss: "cross entropy",
      optimizer: "adam",
    },
    ...{ weightRate: "one", clipsWeights: false, epsilon: 1e-5, scale: 1 / 128, rate: 0.005, seed: 826 },
  },
};

/** What is given: numbers that f32 holds, so that no trainer begins elsewhere. */
export function givenSteps(name: string, count: number): Given {
  const { rate, seed, ...recipe } = RECIPES[name]!;
  const next = mulberry32(seed);
  const between = (min: number, max: number) => Math.round(256 * (min + (max - min) * next())) / 256;
  const layers = WIDTHS.slice(1).map(
    (outputs, l): GivenLayer => ({
      weight: outer(outputs, WIDTHS[l]!, () => between(-1, 1)),
      norm: {
        weight: Array.from({ length: outputs }, () => between(0.5, 1.5)),
        bias: Array.from({ length: outputs }, () => between(-0.5, 0.5)),
        running_mean: new Array<number>(outputs).fill(0),
        running_var: new Array<number>(outputs).fill(1),
      },
    }),
  );
  const steps = Array.from({ length: count }, (_, i) => ({
    codes: outer(SAMPLES, WIDTHS[0]!, () => Math.floor(255 * next()) - 127),
    labels: Array.from({ length: SAMPLES }, () => Math.floor(WIDTHS.at(-1)! * next())),
    rate: rate * 2 ** -i,
  }));
  return { ...recipe, layers, steps };
}

export const STEP_RECIPES = Object.keys(RECIPES);
