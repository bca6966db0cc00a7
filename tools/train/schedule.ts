/** Where training stands when a step begins: both from 0 on. */
export interface Position {
  epoch: number;
  epochs: number;
  step: number;
  steps: number;
}

/** The learning rate of a step; `rate` is that of the first. */
export type Schedule = (rate: number, position: Position) => number;

/** Falls to 0 along half a cosine, step by step. */
export const halfCosine: Schedule = (rate, { step, steps }) => rate * ((1 + Math.cos(Math.PI * (step / steps))) / 2);

/** The last epoch has a rate ten thousand times smaller, as BinaryNet's MNIST has: 0.003 to 0.0000003. */
const DECAY = 1e-4;

/** Falls exponentially, epoch by epoch. */
export const exponential: Schedule = (rate, { epoch, epochs }) => rate * DECAY ** (epoch / epochs);

/** Half of it every tenth of the epochs: a shift, as the paper has it for shift-based AdaMax. */
export const halving: Schedule = (rate, { epoch, epochs }) => rate * 2 ** -Math.floor((10 * epoch) / epochs);
