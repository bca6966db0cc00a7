import { numpy as np } from "@jax-js/jax";
import { codeRange, type IntQuantizer } from "../../../host/numbers/quantizer.ts";
import { type Quantized, straightThrough } from "./quantized.ts";

/**
 * Codes of real numbers, clip(round(x / scale + zero)) − zero, rounded half to even: the node Quant of QONNX, with one scale. The gradient is
 * that of the clip. A batch norm in front can stretch and shift its channels at will, so a learned scale would add nothing.
 */
export function quantizeActivations(x: np.Array, quantizer: IntQuantizer): Quantized {
  const { min, max } = codeRange(quantizer);
  const [scale, zero] = [quantizer.scale[0]!, quantizer.zero[0]!];
  const divided = x.div(scale);
  const soft = np.clip(zero === 0 ? divided : divided.add(zero), min, max);
  const codes = straightThrough(soft.ref, np.round(soft));
  return { codes: zero === 0 ? codes : codes.sub(zero), scale: np.array(scale) };
}
