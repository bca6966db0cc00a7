/** Options of the commands that speak of a model in a firmware. */
export const DEVICE_ARGS = {
  runtime: {
    type: "string" as const,
    valueHint: "NAME",
    default: "wasm2c" as const,
    description: "What runs the module",
  },
  module: {
    type: "string" as const,
    valueHint: "NAME",
    description: "A larger module, which is faster (else the smallest)",
  },
};
