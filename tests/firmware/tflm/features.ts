// The features of micro_speech: what tflite-micro's audio front end (tensorflow/lite/experimental/microfrontend, with the settings of
// examples/micro_speech/audio_preprocessor.py) makes of a second of sound, in float64 rather than in its fixed point.

const RATE = 16_000;
/** Samples of a window, and from one to the next: 30 and 20 ms. */
const WINDOW = 480;
const STRIDE = 320;
const BINS = 512;

const CHANNELS = 40;
const [LOWEST, HIGHEST] = [125, 7500];

/** How fast the estimate of noise follows, in even and odd channels; what is left of a signal at least. */
const SMOOTHING = [0.025, 0.06];
const LEAST_LEFT = 0.05;
/** Of the automatic gain. */
const STRENGTH = 0.95;
const OFFSET = 80;

/** The frames of a recording, 40 codes of int8 each. */
export function featuresOf(samples: Int16Array): Int8Array {
  const frames = Math.floor((samples.length - WINDOW) / STRIDE) + 1;
  const filters = melFilters();
  const noise = new Float64Array(CHANNELS);
  const codes = new Int8Array(frames * CHANNELS);
  for (let frame = 0; frame < frames; frame++) {
    const power = spectrum(samples.subarray(frame * STRIDE, frame * STRIDE + WINDOW));
    for (let c = 0; c < CHANNELS; c++) {
      // weights have 12 bits behind the point, and the fixed transform divides by its size
      const energy = 4096 * filters[c]!.reduce((sum, { bin, weight }) => sum + weight * power[bin]!, 0);
      const loud = Math.sqrt(energy) / BINS;
      const follow = SMOOTHING[c % 2]!;
      noise[c] = loud * follow + noise[c]! * (1 - follow);
      const clear = Math.max(loud - noise[c]!, LEAST_LEFT * loud);
      // (noise + offset)^-strength with noise in eighths; 2^21 of gain, of which 2^6 are shifted out, and 2^12 are 1
      const even = (clear * 2 ** 15 * (8 * noise[c]! + OFFSET) ** -STRENGTH) / 2 ** 12;
      const shrunk = even < 2 ? 16 * even ** 2 : 64 * even - 64;
      const feature = 8 * shrunk > 1 ? Math.min(Math.round(64 * Math.log(8 * shrunk)), 65535) : 0;
      codes[frame * CHANNELS + c] = Math.min(Math.max(Math.floor((256 * feature + 333) / 666) - 128, -128), 127);
    }
  }
  return codes;
}

/** Squares of the discrete Fourier transform of a window under Hann's curve. */
function spectrum(samples: Int16Array): Float64Array {
  const [re, im] = [new Float64Array(BINS), new Float64Array(BINS)];
  for (const [i, x] of samples.entries()) re[i] = x * (0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / WINDOW));
  transform(re, im);
  return re.map((x, k) => x * x + im[k]! * im[k]!);
}

/** In place, a power of two of numbers: those at even places, those at odd ones, and both joined. */
function transform(re: Float64Array, im: Float64Array): void {
  const half = re.length / 2;
  if (half < 1) return;
  const parts = [0, 1].map((first) => {
    const pick = (all: Float64Array) => Float64Array.from({ length: half }, (_, i) => all[2 * i + first]!);
    const part = [pick(re), pick(im)] as const;
    transform(...part);
    return part;
  });
  const [[evenRe, evenIm], [oddRe, oddIm]] = parts as [(typeof parts)[number], (typeof parts)[number]];
  for (let k = 0; k < half; k++) {
    const [cos, sin] = [Math.cos((Math.PI * k) / half), -Math.sin((Math.PI * k) / half)];
    const [x, y] = [oddRe[k]! * cos - oddIm[k]! * sin, oddRe[k]! * sin + oddIm[k]! * cos];
    [re[k], im[k], re[k + half], im[k + half]] = [evenRe[k]! + x, evenIm[k]! + y, evenRe[k]! - x, evenIm[k]! - y];
  }
}

/** Of each channel, the weights of bins: a triangle from the centre of the channel before it to that of the one behind, by mel. */
function melFilters(): { bin: number; weight: number }[][] {
  const mel = (hertz: number) => 1127 * Math.log(1 + hertz / 700);
  const spacing = (mel(HIGHEST) - mel(LOWEST)) / (CHANNELS + 1);
  return Array.from({ length: CHANNELS }, (_, c) => {
    const centre = mel(LOWEST) + (c + 1) * spacing;
    const bins = Array.from({ length: BINS / 2 }, (_, bin) => {
      return { bin, weight: 1 - Math.abs(mel((bin * RATE) / BINS) - centre) / spacing };
    });
    return bins.filter(({ bin, weight }) => bin > 0 && weight > 0);
  });
}
