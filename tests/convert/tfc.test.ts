import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { convert } from "../../host/convert.ts";
import type { Session } from "../../host/run/session.ts";
import { verify } from "../../host/verify.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { describeWith, MNIST_IMAGES, MNIST_LABELS, TFC } from "../data.ts";
import { ALL_SEEDS } from "../seeds.ts";
import { disposeAll, openSessions } from "../sessions.ts";

/** Pictures whose greatest score is that of their digit: 92.96 %. */
const RIGHT = 9296;

const PIXELS = 28 * 28;

/** Pictures that are compared with the checkpoint at every quantizer: all in `npm run test:random`. */
const COMPARED = ALL_SEEDS ? 10_000 : 2000;

describeWith([TFC, MNIST_IMAGES, MNIST_LABELS], "TFC_1W1A.onnx on the 10,000 test pictures of MNIST", () => {
  const checkpoint = readFileSync(TFC);
  const images = readInput(readFileSync(MNIST_IMAGES), MNIST_IMAGES).data as Uint8Array;
  const labels = readInput(readFileSync(MNIST_LABELS), MNIST_LABELS).data as Uint8Array;
  let sessions: Record<string, Session>;
  beforeAll(async () => {
    sessions = await openSessions((await convert(checkpoint, { file: TFC })).blob);
  });
  afterAll(() => disposeAll(sessions));

  it(`${RIGHT} are right in every session`, () => {
    for (const [name, session] of Object.entries(sessions)) {
      const { scores } = session.run(images)[0]!;
      const right = labels.filter((label, i) => {
        const row = scores.subarray(10 * i, 10 * i + 10);
        return row.indexOf(Math.max(...row)) === label;
      });
      expect(right, name).toHaveLength(RIGHT);
    }
  });

  it(`every session computes what the checkpoint means, ${COMPARED} pictures`, () => {
    const blob = sessions.reference!.program;
    const { sha256 } = blob.description!.source;
    const inputs = [images.subarray(0, COMPARED * PIXELS)];
    expect(verify({ blob, checkpoint, sha256, sessions, inputs })).toMatchObject({
      samples: COMPARED,
      differences: [],
      sameSource: true,
    });
  });
});
