import { defineCommand } from "citty";
import { shown } from "../../host/base/printable.ts";
import { type Inspection, inspect, v8 } from "../../host/index.ts";
import { plainModule } from "../../host/node.ts";
import type { Tensor } from "../../host/program.ts";
import { positionCount } from "../../host/shape.ts";
import { namingFiles, readModel } from "../files/models.ts";
import { nameOf } from "../files/stdio.ts";
import { formatShape } from "../inputs/shape.ts";
import { inputText } from "../inputs/units.ts";
import { JSON_ARG } from "../options/json.ts";
import { WORK_ARG, workOption } from "../options/sessions.ts";
import { printResult } from "../terminal/print.ts";
import { showWork } from "../terminal/progress.ts";
import { formatCount, formatTable, plural } from "../terminal/table.ts";

export const EXAMPLE = "inspect model.tern";

export default defineCommand({
  meta: { name: "inspect", description: "Show a blob's layers, and to the byte what memory it needs" },
  args: {
    model: { type: "positional", required: true, description: "Blob, as convert writes it" },
    ...WORK_ARG,
    ...JSON_ARG,
  },
  async run({ args }) {
    const blob = await readModel(args.model);
    const maxOperations = workOption(args["limit-work"]);
    const inspection = await showWork(`Reading ${nameOf(args.model)}`, () => {
      return namingFiles({ model: args.model }, async () =>
        inspect(blob, await plainModule(blob), v8, { maxOperations }),
      );
    });
    printResult(
      args.json,
      () => toJson(inspection),
      () => formatInspection(inspection),
    );
  },
});

function toJson({ program, ...inspection }: Inspection) {
  const { modelId, modelVersion, maxRows, description } = program;
  const { name, source, converter, inputs, outputs } = description ?? {};
  return { name, modelId: formatId(modelId), modelVersion, maxRows, source, converter, inputs, outputs, ...inspection };
}

function formatInspection(inspection: Inspection): string[] {
  const { modelId, modelVersion, description } = inspection.program;
  return [
    `model    ${description ? shown(description.name) : "without a description"}, version ${modelVersion}, id ${formatId(modelId)}`,
    ...(description
      ? [`source   ${shown(description.source.file)}, ${formatCount(description.source.bytes)} bytes`]
      : []),
    ...(description ? [`sha256   ${shown(description.source.sha256)}`] : []),
    ...formatEnds(inspection),
    "",
    ...formatLayers(inspection),
    "",
    ...formatPackings(inspection),
    "",
    ...formatTotals(inspection),
  ];
}

function formatId(modelId: bigint): string {
  return modelId.toString(16).padStart(16, "0");
}

/** Where the elements of the inputs stand, and what comes out. */
export function formatEnds({ program }: Inspection): string[] {
  const { tensors, description } = program;
  const inputs = program.inputs.map((tensor, i) => {
    const { name, shape, layout } = description?.inputs[i] ?? { shape: picturedShape(tensors[tensor]!) };
    const order =
      layout && positionCount(tensors[tensor]!) > 1
        ? `, a picture ${layout === "chw" ? "[C, H, W]" : "[H, W, C]"}`
        : "";
    return `input    ${name === undefined ? "" : `${shown(name)} `}${formatShape(shape)}${order}: ${inputText(program, i)}`;
  });
  const outputs = program.outputs.map((tensor, i) => {
    const { dtype } = tensors[tensor]!;
    const described = description?.outputs[i];
    if (!described) return `output   ${formatShape(picturedShape(tensors[tensor]!))}: ${dtype}`;
    const { name, shape, kind, softmax, classes } = described;
    const what = { scores: `scores from ${dtype} sums`, codes: `scores from ${dtype} codes`, index: "best class" }[
      kind
    ];
    const names = classes ? `; ${classes.map((each) => shown(each)).join(", ")}` : "";
    return `output   ${shown(name)} ${formatShape(shape)}: ${what}${softmax ? ", softmax" : ""}${names}`;
  });
  return [...inputs, ...outputs];
}

/** A vector's channels; of a picture, height and width before them. */
function picturedShape(tensor: Tensor): number[] {
  const { height, width, channels } = tensor;
  return positionCount(tensor) > 1 ? [height, width, channels] : [channels];
}

function formatLayers({ layers }: Inspection): string[] {
  const rows = layers.map((layer) => [
    shown(layer.name),
    layer.weights || layer.op,
    `${layer.input} → ${layer.output}`,
    layer.macs > 0 ? formatCount(layer.macs) : "",
    layer.post,
    formatCount(layer.bytes),
  ]);
  return formatTable("lllrlr", [["layer", "op", "in → out", "MACs", "then", "bytes"], ...rows], { headed: true });
}

/** How the weights are stored; without the parameters that stand in their tiles. */
function formatPackings({ program, layers }: Inspection): string[] {
  const rows = layers.flatMap(({ name, weights, packing, weightBits, weightBytes }, i) => {
    const tensor = program.description?.ops[i]?.weights ?? name;
    return weights === "" ? [] : [[shown(tensor), packing, weightBits.toFixed(2), formatCount(weightBytes)]];
  });
  return formatTable("llrr", [["weights", "packing", "bits each", "bytes"], ...rows], { headed: true });
}

/** What the whole blob costs: bytes of its parts, multiply-accumulates, RAM. */
export function formatTotals({ layers, macs, memory, blobBytes, headBytes }: Inspection): string[] {
  const weights = layers.reduce((sum, { bytes }) => sum + bytes, 0);
  const rest = blobBytes - headBytes - weights;
  const parts = `head ${formatCount(headBytes)}, weights ${formatCount(weights)}, description and self-test ${formatCount(rest)}`;
  const ram = memory.map(({ rows, resident, streaming }) => [
    `  ${plural(rows, "row")}`,
    formatCount(resident.ram),
    formatCount(streaming.ram),
  ]);
  return [
    `flash    ${formatCount(blobBytes)} bytes: ${parts}`,
    `work     ${formatCount(macs)} multiply-accumulates a row`,
    "",
    ...(ram.length > 0
      ? [
          ...formatTable("lrr", [["bytes of RAM for", "weights in place", "weights streamed"], ...ram], {
            headed: true,
          }),
          "A microcontroller needs a module and a runtime, too: `npx littletern fit`.",
        ]
      : ["RAM on a device: not with these packings; `npx littletern repack --for any` makes a blob for it"]),
  ];
}
