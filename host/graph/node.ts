/** What every node of a graph has. */
export interface NodeBase {
  /** The checkpoint's own name for the node. */
  name: string;
  /** Values that the node reads, in the order of its operands. */
  inputs: string[];
  /** Value that the node defines. */
  output: string;
  /** Channels of the output, at each of its positions. */
  channels: number;
}
