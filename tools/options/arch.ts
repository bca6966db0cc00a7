/** Option of the commands that read a checkpoint. */
export const ARCH_ARG = {
  arch: {
    type: "string" as const,
    valueHint: "net.json",
    description: "Network described by hand, for weights alone",
  },
};
