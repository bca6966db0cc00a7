import { defineConfig } from "vitest/config";

/** Tests that change or measure their process, or one that inherits from it how much memory it had, so that each file of them has one to itself. */
const ALONE = [
  "tests/attacks/attacks.test.ts",
  "tests/base/package_root.test.ts",
  "tests/engines/wasmtime.test.ts",
  "tests/run/loads.test.ts",
  "tests/threads/thread.test.ts",
  "tests/tools/doctor.test.ts",
  "tests/tools/input_bombs.test.ts",
  "tests/convert/hostile.test.ts",
];

/** Takes minutes in an emulator: `npm run test:pi`. */
const ON_PI = process.env.TERN_PI === "all" ? [] : ["tests/pi/**"];

/** Firmware, on boards in emulators. */
const BOARDS = ["tests/firmware/**/*.test.ts"];

export default defineConfig({
  test: {
    testTimeout: process.env.TERN_SEEDS === "all" ? 600_000 : 60_000,
    maxWorkers: "100%", // vitest would leave one core to itself, which is half of a small machine
    exclude: ["**/node_modules/**", ...ON_PI],
    projects: [
      { extends: true, test: { name: "boards", include: BOARDS, isolate: false } },
      { extends: true, test: { name: "alone", include: ALONE } },
      // one process loads the sources once for many files
      {
        extends: true,
        test: { name: "together", include: ["tests/**/*.test.ts"], exclude: [...BOARDS, ...ALONE], isolate: false },
      },
    ],
  },
});
