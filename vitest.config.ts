import { defineConfig } from "vitest/config";

// A worker per core: vitest would leave one core to itself, which is half of a small machine.
export default defineConfig({ test: { include: ["tests/**/*.test.ts"], testTimeout: 60_000, maxWorkers: "100%" } });
