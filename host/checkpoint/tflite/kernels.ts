import type { FixedRounding } from "../../numbers/fixed_point.ts";

/** Whose kernels define what a file computes: the reference kernels of ai-edge-litert 2.3.0, or those of tflite-micro of 2026. */
export const KERNELS = ["litert", "tflm"] as const;

export type Kernels = (typeof KERNELS)[number];

/** What rounds a product in fixed point, by operator. */
type Rounding = Record<"convolution" | "fullyConnected" | "add" | "requantize" | "mean", FixedRounding>;

const TWICE: Rounding = {
  convolution: "double",
  fullyConnected: "double",
  add: "double",
  requantize: "double",
  mean: "double",
};

/** How often kernels round a product in fixed point. */
export const ROUNDING: Record<Kernels, Rounding> = { litert: { ...TWICE, fullyConnected: "single" }, tflm: TWICE };
