/*
 * Starts a module and calls `features` with 0, 1, …: in the test's module each traps in its own way. After every trap a fresh instance must
 * work, a hundred times over, so that nothing leaks.
 */
#include "print.h"
#include "runtime.h"

int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i++) to[i] = (uint8_t)(offset + i);
  return 0;
}

int main(void) {
  static uint8_t given[16 + MEMORY_BYTES] __attribute__((aligned(16)));
  for (uint32_t round = 0; round < 100; round++) {
    for (uint32_t way = 0; way < WAYS; way++) {
      int32_t result = -1;
      enum runtime_trap trap = runtime_start(given, MEMORY_BYTES);
      if (trap) return print_number("start: trap", trap), 1;
      for (uint32_t i = 0; i < MEMORY_BYTES; i++) {
        if (runtime_memory()[i]) return print_number("not zeroed", i), 1;
      }
      trap = runtime_call(RUNTIME_ABI_VERSION, &way, &result);
      if (trap || result != 1) return print_number("abi_version: trap", trap), 1;
      trap = runtime_call(RUNTIME_FEATURES, &way, &result);
      if (round == 0) print_number(trap ? "trap" : "returned", trap ? trap : (uint32_t)result);
      if (trap && !runtime_call(RUNTIME_ABI_VERSION, &way, &result)) return print("an instance that has trapped runs\n"), 1;
    }
  }
  return 0;
}
