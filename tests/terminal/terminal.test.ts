import { describe, expect, it, vi } from "vitest";
import { colourBits } from "../../tools/terminal/colours.ts";
import { printable } from "../../tools/terminal/paint.ts";
import { drawPicture, type Picture } from "../../tools/terminal/picture.ts";
import { startProgress } from "../../tools/terminal/progress.ts";
import { drawScores } from "../../tools/terminal/scores.ts";

const ESC = "\x1b";

function grey(width: number, ...data: number[]): Picture {
  return { width, height: data.length / width, channels: 1, data: Uint8Array.from(data) };
}

const draw = (...args: Parameters<typeof drawPicture>) => drawPicture(...args).lines.map(printable);

describe("colourBits", () => {
  const terminal = (depth: number) => ({ isTTY: true, getColorDepth: () => depth });
  it.each([
    ["a pipe", {}, {}, 0],
    ["a terminal of 16 million colours", terminal(24), {}, 24],
    ["a terminal of 256 colours", terminal(8), {}, 8],
    ["a terminal of 16 colours", terminal(4), {}, 0],
    ["NO_COLOR", terminal(24), { NO_COLOR: "1", FORCE_COLOR: "3" }, 0],
    ["an empty NO_COLOR", terminal(24), { NO_COLOR: "" }, 24],
    ["FORCE_COLOR=0", terminal(24), { FORCE_COLOR: "0" }, 0],
    ["FORCE_COLOR=1", {}, { FORCE_COLOR: "1" }, 8],
    ["FORCE_COLOR=3", {}, { FORCE_COLOR: "3" }, 24],
  ])("%s", (_, screen, env, bits) => {
    expect(colourBits(screen, env)).toBe(bits);
  });
});

describe("drawPicture", () => {
  it("shades two rows as one line of text", () => {
    const ramp = [0, 28, 57, 85, 113, 142, 170, 198, 227, 255];
    expect(draw(grey(10, ...ramp, ...ramp), 0)).toEqual([" .:-=+*#%@"]);
    expect(draw(grey(2, 255, 0, 0, 0, 255, 0), 0)).toEqual(["+", "+"]); // the odd last row is half black
    expect(draw({ width: 1, height: 2, channels: 3, data: Uint8Array.of(0, 255, 0, 0, 255, 0) }, 0)).toEqual(["+"]);
  });

  it("draws half blocks in any colour, naming a colour where it changes", () => {
    expect(draw(grey(3, 0, 0, 255, 7, 7, 255), 24)).toEqual([
      `${ESC}[38;2;0;0;0;48;2;7;7;7m▀▀${ESC}[38;2;255;255;255;48;2;255;255;255m▀${ESC}[0m`,
    ]);
    const colour = { width: 1, height: 2, channels: 3 as const, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    expect(draw(colour, 24)).toEqual([`${ESC}[38;2;1;2;3;48;2;4;5;6m▀${ESC}[0m`]);
  });

  it("draws half blocks from the palette", () => {
    expect(draw(grey(2, 0, 10, 255, 128), 8)).toEqual([`${ESC}[38;5;16;48;5;231m▀${ESC}[38;5;232;48;5;244m▀${ESC}[0m`]);
    const colour = { width: 1, height: 2, channels: 3 as const, data: Uint8Array.of(255, 0, 0, 0, 255, 51) };
    expect(draw(colour, 8)).toEqual([`${ESC}[38;5;196;48;5;47m▀${ESC}[0m`]);
  });

  it("shrinks what is wider than 80 columns", () => {
    const wide = { width: 161, height: 6, channels: 1 as const, data: new Uint8Array(161 * 6).fill(255) };
    const lines = draw(wide, 0);
    expect(lines).toEqual(["@".repeat(54)]); // 161 / 3 columns, 6 / 3 / 2 lines
  });
});

describe("drawScores", () => {
  it("aligns names, numbers and bars, and marks the best", () => {
    expect(drawScores([-5, 15, 5], 0, ["cat", "horse", "dog"])).toEqual([
      "  cat  -5",
      "horse  15  ######################################## <",
      "  dog   5  ####################",
    ]);
  });

  it("marks the first among equals, and numbers classes without names", () => {
    expect(drawScores([0.25, 0.5, 0.5], 24)).toEqual([
      "0  0.250  ████████████████████",
      "1  0.500  ████████████████████████████████████████ <",
      "2  0.500  ████████████████████████████████████████",
    ]);
  });

  it("shows the best ten of many", () => {
    const lines = drawScores(
      Array.from({ length: 100 }, (_, c) => c),
      0,
    );
    expect(lines).toHaveLength(10);
    expect(lines[0]).toBe("99  99  ######################################## <");
    expect(lines[9]).toBe("90  90  ####################################");
  });

  it.each([[[]], [[0]], [[0, 0]]])("draws no bar for %j", (scores) => {
    for (const line of drawScores(scores, 0)) expect(line).not.toContain("#");
  });
});

describe("startProgress", () => {
  it("writes nothing where nobody watches", () => {
    const write = vi.fn();
    const progress = startProgress("Training", 10, { write });
    progress.update(5, "loss 1.2");
    progress.end();
    expect(write).not.toHaveBeenCalled();
  });

  it("redraws one line, not too often, and clears it", () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      const write = vi.fn();
      const progress = startProgress("Training", 200, { isTTY: true, columns: 44, write });
      progress.update(0);
      vi.advanceTimersByTime(99);
      progress.update(1);
      vi.advanceTimersByTime(1);
      progress.update(99, "loss 1.2345");
      progress.update(200);
      progress.end();
      expect(write.mock.calls.flat()).toEqual([
        `\r${ESC}[KTraining [........................] 0 %`,
        `\r${ESC}[KTraining [############............] 49 % lo`,
        `\r${ESC}[KTraining [########################] 100 %`,
        `\r${ESC}[K`,
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});
