import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { v8 } from "../../host/engines/v8.ts";
import { selfTest } from "../../host/run/self_test.ts";
import { load, type Session } from "../../host/run/session.ts";
import { readInput } from "../../tools/inputs/read.ts";
import { describeWith, MNIST_IMAGES, MNIST_LABELS } from "../data.ts";
import { read, readBytes } from "../house/project_files.ts";
import { MODULE } from "../sessions.ts";

// The networks that examples/torch trained. Their accuracy on all test pictures comes from the commands of their pages.

interface Network {
  /** Of the first 200 test pictures, those that it reads: what `littletern eval --limit 200` says. */
  right: number;
  /** The pictures that it takes, of MNIST's 28 × 28 pixels. */
  pictures(mnist: Uint8Array): Uint8Array;
}

const NETWORKS: Record<string, Network> = {
  binary_cnn_mnist: { right: 198, pictures: (mnist) => mnist },
  bnn_mlp_mnist: { right: 199, pictures: (mnist) => mnist },
  ternary_cnn_mnist: { right: 200, pictures: (mnist) => mnist },
  ternary_mlp_mnist16: { right: 197, pictures: smaller },
};

const COUNT = 200;
const SIDE = 28;

/** 16 × 16 pixels: without the border of 2, each the mean of 1.5 × 1.5, as halves of pixels, rounded half to even. */
function smaller(mnist: Uint8Array): Uint8Array {
  const result = new Uint8Array((mnist.length / SIDE ** 2) * 16 ** 2);
  for (let i = 0; i < result.length; i++) {
    const [picture, row, column] = [Math.floor(i / 256), Math.floor((i % 256) / 16), i % 16];
    let sum = 0;
    for (let y = 3 * row; y < 3 * row + 3; y++) {
      for (let x = 3 * column; x < 3 * column + 3; x++) {
        sum += mnist[picture * SIDE ** 2 + (2 + (y >> 1)) * SIDE + 2 + (x >> 1)]!;
      }
    }
    result[i] = Math.round(sum / 9); // a ninth is never a half
  }
  return result;
}

describe.each(Object.entries(NETWORKS))("%s", (name, { right, pictures }) => {
  const blob = readBytes(`examples/${name}/${name}.tern`);
  let session: Session;
  beforeAll(async () => {
    session = await load({ module: MODULE, variant: "scalar", engine: v8, blob });
  });
  afterAll(() => session.dispose());

  it("has the size that its page and README.md say, and answers as when it was made", () => {
    const size = `${blob.length.toLocaleString("en")} bytes`;
    expect(read(`examples/${name}/README.md`)).toContain(size);
    expect(read("README.md")).toMatch(new RegExp(`\\[${name}\\].*${size}`));
    const { pairs, wrong } = selfTest(session);
    expect(pairs).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });

  describeWith([MNIST_IMAGES, MNIST_LABELS], "on the test pictures of MNIST", () => {
    it(`reads ${right} of the first ${COUNT}`, () => {
      const images = readInput(readFileSync(MNIST_IMAGES), MNIST_IMAGES).data as Uint8Array;
      const labels = readInput(readFileSync(MNIST_LABELS), MNIST_LABELS).data as Uint8Array;
      const { scores } = session.run(pictures(images.subarray(0, COUNT * SIDE ** 2)))[0]!;
      const found = labels.subarray(0, COUNT).filter((label, i) => {
        const row = scores.subarray(10 * i, 10 * i + 10);
        return row.indexOf(Math.max(...row)) === label;
      });
      expect(found).toHaveLength(right);
    });
  });
});
