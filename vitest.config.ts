import { defineConfig } from "vitest/config";

/** Folders whose tests call functions and no more: they change nothing of the process, so one process loads the sources once for all of them. */
const PURE = ["tests/{blob,checkpoint,convert,graph,house,inputs,lower,module,numbers,reference,train}/**/*.test.ts"];
/** But this one measures what its process takes. */
const MEASURING = ["tests/convert/hostile.test.ts"];

/** Takes minutes in an emulator: `npm run test:pi`. */
const ON_PI = process.env.TERN_PI === "all" ? [] : ["tests/pi/**"];

/** Firmware, on boards in emulators. */
const BOARDS = ["tests/firmware/**/*.test.ts"];

const OTHERS = [...PURE, ...ON_PI, ...BOARDS, "tests/oracle/node_modules/**"];

export default defineConfig({
  test: {
    testTimeout: process.env.TERN_SEEDS === "all" ? 600_000 : 60_000,
    maxWorkers: "100%", // vitest would leave one core to itself, which is half of a small machine
    projects: [
      { extends: true, test: { name: "functions", include: PURE, exclude: MEASURING, isolate: false } },
      { extends: true, test: { name: "measures", include: MEASURING } },
      { extends: true, test: { name: "boards", include: BOARDS } },
      { extends: true, test: { name: "others", include: ["tests/*/**/*.test.ts"], exclude: OTHERS } },
    ],
  },
});
