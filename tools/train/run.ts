import { writeFileAtomic } from "../files/outputs.ts";
import { startProgress } from "../terminal/progress.ts";
import type { Dataset } from "./dataset.ts";
import { toQonnx } from "./export.ts";
import type { Architecture } from "./model.ts";
import { accuracy, type Progress, type Schedule, train } from "./train.ts";

/** What a training program does, on screen: trains, writes the QONNX file, says how good it is on pictures not yet seen. */
export async function run(
  path: string,
  architecture: Architecture,
  training: Dataset,
  schedule: Schedule,
  test: Dataset,
): Promise<void> {
  const network = await train(architecture, training, schedule, progressReport());
  const file = toQonnx(network);
  await writeFileAtomic(path, file);
  const right = `${(100 * (await accuracy(network, test))).toFixed(2)} %`;
  console.log(`${path}: ${file.length} bytes, ${right} of ${test.count} new pictures right`);
}

/** One line per epoch on stderr, and before it a moving bar where that is a terminal. */
function progressReport(): (progress: Progress) => void {
  let bar: ReturnType<typeof startProgress>;
  return ({ epoch, epochs, step, steps, loss, accuracy }) => {
    const label = `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
    const result = `loss ${loss.toFixed(4)}, accuracy ${(100 * accuracy).toFixed(2)} %`;
    if (step === 1) bar = startProgress(label, steps);
    bar.update(step, result);
    if (step < steps) return;
    bar.end();
    console.error(`${label}: ${result}`);
  };
}
