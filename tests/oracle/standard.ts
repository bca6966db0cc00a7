import { type AttributeValue, floatTensor, node } from "../../host/checkpoint/onnx/build.ts";
import {
  DATA_TYPE,
  type Draft,
  decodeModel,
  encodeModel,
  type NodeProto,
  type TensorProto,
} from "../../host/checkpoint/onnx/proto.ts";
import { readTensor } from "../../host/checkpoint/onnx/tensor.ts";

const QUANTIZERS = ["Quant", "IntQuant", "BipolarQuant"];

/**
 * A QONNX file in ONNX's own ops, for runtimes that know no others: quantizers, and Brevitas' HardTanh, become the arithmetic
 * that defines them. The values keep their names.
 */
export function standardOnnx(file: Uint8Array): Uint8Array {
  const model = decodeModel(file);
  const graph = model.graph!;
  const constants = new Map<string, TensorProto>(graph.initializer.map((tensor) => [tensor.name!, tensor]));
  for (const { op_type, output, attribute } of graph.node) {
    if (op_type === "Constant") constants.set(output[0]!, attribute[0]!.t!);
  }
  const writer = new Writer();
  for (const each of graph.node) {
    const [output] = each.output as [string];
    const [x = "", scale = "", zero = "", bits = ""] = each.input;
    if (QUANTIZERS.includes(each.op_type!)) {
      if (each.op_type === "BipolarQuant") writer.bipolar(x, scale, output);
      else writer.quant(x, scale, zero, scalarOf(constants.get(bits)!), each, output);
    } else if (each.op_type === "HardTanh") {
      writer.clip(x, number(each, "min_val", -1), number(each, "max_val", 1), output);
    } else writer.nodes.push(each);
  }
  const opset_import = [{ domain: "", version: model.opset_import.find(({ domain }) => !domain)!.version! }];
  const initializer = [...graph.initializer.map(inFloats), ...writer.initializers];
  const output = graph.output.map(({ name }) => ({ name: name! })); // of the type that follows: an ArgMax gives int64
  return encodeModel({ ...model, opset_import, graph: { ...graph, node: writer.nodes, initializer, output } });
}

/** A constant of doubles in f32: ONNX's own ops take operands of one type, while a quantizer takes scales of any. */
function inFloats(tensor: TensorProto): Draft<TensorProto> {
  if (tensor.data_type !== DATA_TYPE.DOUBLE) return tensor;
  const { dims, data } = readTensor(tensor, tensor.name ?? "");
  return floatTensor(tensor.name!, dims, data);
}

/** Adds standard nodes, each reading the ones before. */
class Writer {
  readonly nodes: Draft<NodeProto>[] = [];
  readonly initializers: Draft<TensorProto>[] = [];

  private op(opType: string, inputs: string[], output = "", attributes: Record<string, AttributeValue> = {}): string {
    const name = output || `standard_${this.nodes.length}`;
    this.nodes.push(node(opType, inputs, name, attributes));
    return name;
  }

  private number(value: number): string {
    const name = `number_${this.initializers.length}`;
    this.initializers.push(floatTensor(name, [], [value]));
    return name;
  }

  /** scale · (x < 0 ? −1 : 1). */
  bipolar(x: string, scale: string, output: string): void {
    this.op("Mul", [this.signs(x), scale], output);
  }

  /** −1 where x < 0, else +1. */
  private signs(x: string): string {
    return this.op("Where", [this.op("Less", [x, this.number(0)]), this.number(-1), this.number(1)]);
  }

  /** (round(clip(x / scale + zero)) − zero) · scale. */
  quant(x: string, scale: string, zero: string, bits: number, quant: NodeProto, output: string): void {
    const [signed, narrow] = [integer(quant, "signed", 1), integer(quant, "narrow", 0)];
    if (bits === 1 && signed) {
      this.bipolar(x, scale, output);
      return;
    }
    const min = signed ? narrow - 2 ** (bits - 1) : 0;
    const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1 - narrow;
    const codes = this.op("Add", [this.op("Div", [x, scale]), zero]);
    const rounded = this.round(this.clip(codes, min, max), text(quant, "rounding_mode", "ROUND").toUpperCase());
    this.op("Mul", [this.op("Sub", [rounded, zero]), scale], output);
  }

  clip(x: string, min: number, max: number, output = ""): string {
    return this.op("Min", [this.op("Max", [x, this.number(min)]), this.number(max)], output);
  }

  private round(x: string, mode: string): string {
    const half = this.number(0.5);
    const size = () => this.op("Abs", [x]);
    const signed = (magnitude: string) => this.op("Mul", [this.signs(x), magnitude]);
    switch (mode) {
      case "CEIL":
        return this.op("Ceil", [x]);
      case "FLOOR":
        return this.op("Floor", [x]);
      case "UP":
        return signed(this.op("Ceil", [size()]));
      case "DOWN":
        return signed(this.op("Floor", [size()]));
      case "HALF_UP":
        return signed(this.op("Floor", [this.op("Add", [size(), half])]));
      case "HALF_DOWN":
        return signed(this.op("Ceil", [this.op("Sub", [size(), half])]));
      default:
        return this.roundHalfEven(x);
    }
  }

  /** `Round` came with operator set 11; before it, the nearest of floor and ceiling, and at a tie the even one. */
  private roundHalfEven(x: string): string {
    const floor = this.op("Floor", [x]);
    const rest = this.op("Sub", [x, floor]);
    const half = this.number(0.5);
    const halved = this.op("Div", [floor, this.number(2)]);
    const odd = this.op("Greater", [halved, this.op("Floor", [halved])]);
    const tieUp = this.op("And", [odd, this.op("Not", [this.op("Less", [rest, half])])]);
    const up = this.op("Or", [tieUp, this.op("Greater", [rest, half])]);
    return this.op("Add", [floor, this.op("Where", [up, this.number(1), this.number(0)])]);
  }
}

function attributeOf(node: NodeProto, name: string) {
  return node.attribute.find((attribute) => attribute.name === name);
}

function number(node: NodeProto, name: string, otherwise: number): number {
  return attributeOf(node, name)?.f ?? otherwise;
}

function integer(node: NodeProto, name: string, otherwise: number): number {
  return attributeOf(node, name)?.i ?? otherwise;
}

function text(node: NodeProto, name: string, otherwise: string): string {
  const value = attributeOf(node, name)?.s;
  return value ? new TextDecoder().decode(value) : otherwise;
}

/** The one f32 of a tensor. */
function scalarOf({ raw_data }: TensorProto): number {
  return new DataView(raw_data!.buffer, raw_data!.byteOffset).getFloat32(0, true);
}
