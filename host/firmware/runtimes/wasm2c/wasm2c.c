/*
 * The runtime on wasm2c: the module as C, compiled into the firmware. It takes no RAM but its globals, and linear
 * memory where it is given.
 *
 * A trap unwinds with the compiler's own setjmp, five words and no libc: the functions between hold nothing that would
 * need to be released.
 */
#include "runtime.h"
#include "module_wasm2c.h"
#include <string.h>

const uint32_t runtime_extra_bytes = TERN_SLACK; /* behind memory: wasm-rt.h */

static w2c_tern instance;
static int running;

static uint8_t *given;
static uint32_t given_bytes;

static void *way_back[5];
static wasm_rt_trap_t reason;

void wasm_rt_trap(wasm_rt_trap_t trap) {
  reason = trap;
  __builtin_longjmp(way_back, 1);
}

void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max_pages, bool is64,
                             uint32_t page_size) {
  (void)pages, (void)max_pages, (void)is64, (void)page_size; /* (memory 0): it has the bytes that it is given */
  memory->data = given;
  memory->size = given_bytes;
  memset(given, 0, given_bytes + TERN_SLACK);
}

uint32_t runtime_own_bytes(void) { return TERN_OWN_BYTES; }

enum runtime_trap runtime_start(uint8_t *memory, uint32_t bytes) {
  running = bytes >= runtime_own_bytes(); /* bounds checks rely on it: wasm-rt.h */
  if (!running) return TRAP_OTHER;
  given = memory;
  given_bytes = bytes;
  wasm2c_tern_instantiate(&instance, 0);
  return TRAP_NONE;
}

uint8_t *runtime_memory(void) { return instance.w2c_memory.data; }

static uint32_t call(enum runtime_export export, const uint32_t *a) {
  switch (export) {
  case RUNTIME_ABI_VERSION: return w2c_tern_abi_version(&instance);
  case RUNTIME_FEATURES: return w2c_tern_features(&instance, a[0]);
  case RUNTIME_PLAN: return w2c_tern_plan(&instance, a[0], a[1], a[2]);
  case RUNTIME_OPEN: return w2c_tern_open(&instance, a[0], a[1], a[2], a[3], a[4], a[5]);
  case RUNTIME_INVOKE: return w2c_tern_invoke(&instance, a[0], a[1], a[2]);
  default: return w2c_tern_reset(&instance, a[0]);
  }
}

/* Not inlined: what the caller keeps in registers is gone after a longjmp into it. */
__attribute__((noinline)) enum runtime_trap runtime_call(enum runtime_export export, const uint32_t *arguments,
                                                         int32_t *result) {
  if (!running) return TRAP_OTHER;
  if (__builtin_setjmp(way_back)) {
    running = 0;
    if (reason == WASM_RT_TRAP_OOB) return TRAP_BOUNDS;
    return reason == WASM_RT_TRAP_UNREACHABLE ? TRAP_UNREACHABLE : TRAP_OTHER;
  }
  *result = (int32_t)call(export, arguments);
  return TRAP_NONE;
}

uint32_t w2c_board_weights_read(struct w2c_board *board, uint32_t to, uint32_t offset, uint32_t bytes) {
  (void)board;
  const wasm_rt_memory_t *memory = &instance.w2c_memory;
  if (to > memory->size || bytes > memory->size - to) wasm_rt_trap(WASM_RT_TRAP_OOB);
  return (uint32_t)board_weights_read(memory->data + to, offset, bytes);
}
