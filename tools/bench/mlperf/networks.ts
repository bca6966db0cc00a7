import type { CoreName } from "../../../host/firmware/cores.ts";
import type { Graph } from "../../../host/graph/graph.ts";
import { shapesOf } from "../../../host/graph/shapes.ts";
import { elementCount, positionCount } from "../../../host/shape.ts";

/** A reference network of MLPerf Tiny, told by what it is: elements of its input and output, and multiply-accumulates. */
export interface Reference {
  name: string;
  input: number;
  output: number;
  macs: number;
  /** Cycles of native engines for one inference (MLPerf Tiny v1.1; Cortex-M4 at 120 MHz, NUCLEO-L4R5ZI; Cortex-M0+ at 64 MHz), by core and engine. */
  published: Partial<Record<CoreName, Record<string, number>>>;
}

const HALE = "Bosch HALE";
const CUBE = "X-CUBE-AI";
const TVM = "microTVM + CMSIS-NN";

/** The four of https://github.com/mlcommons/tiny. */
export const REFERENCES: readonly Reference[] = [
  {
    ...{ name: "ResNet-8", input: 32 * 32 * 3, output: 10, macs: 12.5e6 },
    published: { "cortex-m4": { [HALE]: 21.5e6, [CUBE]: 25.7e6, [TVM]: 46.7e6 }, "cortex-m0": { [HALE]: 107e6 } },
  },
  {
    ...{ name: "DS-CNN", input: 49 * 10, output: 12, macs: 2.7e6 },
    published: { "cortex-m4": { [HALE]: 7.5e6, [CUBE]: 7.5e6, [TVM]: 12.0e6 }, "cortex-m0": { [HALE]: 43e6 } },
  },
  {
    ...{ name: "MobileNetV1 0.25", input: 96 * 96 * 3, output: 2, macs: 7.5e6 },
    published: { "cortex-m4": { [HALE]: 21.7e6, [CUBE]: 14.2e6, [TVM]: 36.1e6 }, "cortex-m0": { [HALE]: 120e6 } },
  },
  {
    ...{ name: "autoencoder", input: 640, output: 640, macs: 0.26e6 },
    published: { "cortex-m4": { [HALE]: 0.68e6, [CUBE]: 0.82e6, [TVM]: 1.03e6 }, "cortex-m0": { [HALE]: 3.0e6 } },
  },
];

/** Of the multiply-accumulates that are published, which are rounded and count one thing or another. */
const TOLERANCE = 0.1;

/** The reference network that a graph is; undefined where it is none. */
export function referenceOf(graph: Graph): Reference | undefined {
  const shapes = shapesOf(graph);
  const sizes = [...graph.inputs.map(({ name }) => name), ...graph.outputs].map((value) =>
    elementCount(shapes.get(value)!),
  );
  const macs = graph.nodes.reduce((sum, node) => {
    return sum + ("weights" in node ? node.weights.codes.length * positionCount(shapes.get(node.output)!) : 0);
  }, 0);
  return REFERENCES.find(
    (each) => `${sizes}` === `${[each.input, each.output]}` && Math.abs(macs / each.macs - 1) <= TOLERANCE,
  );
}
