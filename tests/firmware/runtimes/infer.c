/*
 * Runs a model on inputs, all in flash, through runtime.h alone: streamed weights, one row at a time. Prints the output of each as hex.
 * Where flash can be written, it must be as it was.
 */
#include "module.h"
#include "print.h"
#include "runtime.h"
#include <string.h>

extern const uint8_t blob_begin[], blob_end[], inputs_begin[], inputs_end[];

int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) {
  const uint32_t blob_bytes = (uint32_t)(blob_end - blob_begin);
  if (offset > blob_bytes || bytes > blob_bytes - offset) return 1;
  memcpy(to, blob_begin + offset, bytes);
  return 0;
}

static uint32_t sum_of_module(void) {
  uint32_t sum = 0;
  for (const uint8_t *at = module_begin; at < module_end; at++) sum = sum * 31 + *at;
  return sum;
}

#define WORK_AT (BLOB_AT + HEAD_BYTES)

static int32_t call(enum runtime_export export, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e) {
  const uint32_t arguments[6] = {a, b, c, d, 0, e}; /* of open: no state, then rows */
  int32_t result = 0;
  const enum runtime_trap trap = runtime_call(export, arguments, &result);
  if (trap) print_number("trap", trap);
  return trap ? 1000 : result;
}

int main(void) {
  static uint8_t given[16 + MEMORY_BYTES] __attribute__((aligned(16)));
  const uint32_t sum = sum_of_module();
  const enum runtime_trap trap = runtime_start(given, MEMORY_BYTES);
  if (trap) return print_number("start: trap", trap), 1;
  uint8_t *memory = runtime_memory();
  memcpy(memory + BLOB_AT, blob_begin, HEAD_BYTES);
  const int32_t scratch = call(RUNTIME_PLAN, BLOB_AT, HEAD_BYTES, 1, 0, 0);
  if (scratch != SCRATCH_BYTES) return print_number("plan", (uint32_t)scratch), 1;
  int32_t status = call(RUNTIME_OPEN, BLOB_AT, HEAD_BYTES, WORK_AT, MEMORY_BYTES - WORK_AT, 1);
  if (status) return print_number("open", (uint32_t)status), 1;
  for (const uint8_t *input = inputs_begin; input < inputs_end; input += INPUT_BYTES) {
    memcpy(memory + INPUT_AT, input, INPUT_BYTES);
    status = call(RUNTIME_INVOKE, 0, OPS, 1, 0, 0);
    if (status) return print_number("invoke", (uint32_t)status), 1;
    print_hex(memory + OUTPUT_AT, OUTPUT_BYTES);
  }
  return sum == sum_of_module() ? 0 : (print("the module has changed\n"), 1);
}
