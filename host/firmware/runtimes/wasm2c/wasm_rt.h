/*
 * What the C that wasm2c makes of tern.wasm needs of its runtime; written beside that C as wasm-rt.h. Memories, i32
 * and i64 alone: the module has no table, no exception and no float.
 */
#ifndef WASM_RT_H
#define WASM_RT_H
#include <stdbool.h>
#include <stdint.h>

#define WASM_RT_USE_MMAP 0
#define WASM_RT_USE_SEGUE 0
#define WASM_RT_MEMCHECK_GUARD_PAGES 0
#define WASM_RT_MEMCHECK_BOUNDS_CHECK 1
#define WASM_RT_STACK_DEPTH_COUNT 0
#define WASM_RT_SANITY_CHECKS 0

#ifndef __has_builtin
#define __has_builtin(x) 0
#endif
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef struct {
  uint8_t *data;
  uint32_t size; /* bytes: any number, not only whole pages */
} wasm_rt_memory_t;

typedef enum { WASM_RT_I32, WASM_RT_I64, WASM_RT_F32, WASM_RT_F64 } wasm_rt_type_t;
typedef enum {
  WASM_RT_TRAP_NONE,
  WASM_RT_TRAP_OOB,
  WASM_RT_TRAP_UNREACHABLE,
  WASM_RT_TRAP_EXHAUSTION,
  WASM_RT_TRAP_DIV_BY_ZERO,
  WASM_RT_TRAP_INT_OVERFLOW,
  WASM_RT_TRAP_INVALID_CONVERSION,
  WASM_RT_TRAP_CALL_INDIRECT,
} wasm_rt_trap_t;

/* Named by the generated C, never used by ours. */
typedef const char *wasm_rt_func_type_t;
typedef void (*wasm_rt_function_ptr_t)(void);
typedef struct {
  void (*fn)(void **instance, void *stack, void *next);
} wasm_rt_tailcallee_t;
typedef struct {
  wasm_rt_func_type_t func_type;
  wasm_rt_function_ptr_t func;
  wasm_rt_tailcallee_t func_tailcallee;
  void *module_instance;
} wasm_rt_funcref_t;
typedef struct {
  wasm_rt_funcref_t *data;
  uint32_t max_size, size;
} wasm_rt_funcref_table_t;
typedef void *wasm_rt_externref_t;
typedef struct {
  wasm_rt_externref_t *data;
  uint32_t max_size, size;
} wasm_rt_externref_table_t;
static const wasm_rt_funcref_t wasm_rt_funcref_null_value;
static const wasm_rt_externref_t wasm_rt_externref_null_value;

#define wasm_rt_is_initialized() true
__attribute__((noreturn)) void wasm_rt_trap(wasm_rt_trap_t trap);
void wasm_rt_allocate_memory(wasm_rt_memory_t *memory, uint64_t pages, uint64_t max_pages, bool is64,
                             uint32_t page_size);
static inline void wasm_rt_free_memory(wasm_rt_memory_t *memory) { (void)memory; }

/*
 * Every access of the module: the generated C calls these instead of wasm2c's own, with address and offset apart and
 * with a copy of the memory, which never grows. What they guarantee: no byte is touched but linear memory and the
 * TERN_SLACK bytes behind it, which are the instance's own as well and hold nothing.
 *
 * - The offset is a constant. Where it and the width come to TERN_SLACK or less, one comparison does: an access that
 *   begins inside memory ends inside the slack at the latest. A 32-bit core saves an addition and the carry, and the
 *   compiler keeps one address for all fields of a record. Elsewhere memory ends where it ends.
 * - Memory has TERN_OWN_BYTES or more, the tables that the module keeps at its start: runtime_start refuses less, so
 *   the compiler may take it as given, and look-ups whose greatest address is below need no check at all.
 */
#define TERN_SLACK 64u
#define TERN_MEMORY(instance)                                                                          \
  const wasm_rt_memory_t memory = (instance)->w2c_memory;                                              \
  if (memory.size < TERN_OWN_BYTES) __builtin_unreachable();

#ifdef TERN_UNCHECKED
#define TERN_CHECK(offset, bytes)
#else
#define TERN_CHECK(offset, bytes)                                                                      \
  const uint64_t end = (uint64_t)(offset) + (bytes); /* in 32 bits it would wrap */                    \
  if (UNLIKELY(end <= TERN_SLACK ? address >= memory.size : memory.size < end || address > memory.size - end)) \
    wasm_rt_trap(WASM_RT_TRAP_OOB);
#endif

/*
 * Cores that cannot read a word across its boundary would copy byte by byte; there the address is taken as aligned, as
 * the ABI's and the blob's addresses are, and what is not ends in the core's own fault.
 */
#if defined(__ARM_ARCH_6M__) || (defined(__riscv) && __riscv_xlen == 32)
#define TERN_AT(n) __builtin_assume_aligned(memory.data + address + offset, (n) < 4 ? (n) : 4)
#else
#define TERN_AT(n) (memory.data + address + offset)
#endif
#define wasm_rt_memcpy __builtin_memcpy

/* How a number is stored, what it is extended as, and the WebAssembly number that it becomes. */
#define TERN_LOAD(name, stored, extended, number)                                                      \
  static inline __attribute__((always_inline)) number name##_at(const wasm_rt_memory_t memory, uint32_t address, \
                                                                const uint32_t offset) {               \
    TERN_CHECK(offset, sizeof(stored))                                                                 \
    stored value;                                                                                      \
    __builtin_memcpy(&value, TERN_AT(sizeof value), sizeof value);                                     \
    return (number)(extended)value;                                                                    \
  }
#define TERN_STORE(name, stored, number)                                                               \
  static inline __attribute__((always_inline)) void name##_at(const wasm_rt_memory_t memory, uint32_t address, \
                                                              const uint32_t offset, number from) {    \
    TERN_CHECK(offset, sizeof(stored))                                                                 \
    const stored value = (stored)from;                                                                 \
    __builtin_memcpy(TERN_AT(sizeof value), &value, sizeof value);                                     \
  }

TERN_LOAD(i32_load, uint32_t, uint32_t, uint32_t)
TERN_LOAD(i32_load8_s, int8_t, int32_t, uint32_t)
TERN_LOAD(i32_load8_u, uint8_t, uint32_t, uint32_t)
TERN_LOAD(i32_load16_s, int16_t, int32_t, uint32_t)
TERN_LOAD(i32_load16_u, uint16_t, uint32_t, uint32_t)
TERN_LOAD(i64_load, uint64_t, uint64_t, uint64_t)
TERN_LOAD(i64_load8_s, int8_t, int64_t, uint64_t)
TERN_LOAD(i64_load8_u, uint8_t, uint64_t, uint64_t)
TERN_LOAD(i64_load16_s, int16_t, int64_t, uint64_t)
TERN_LOAD(i64_load16_u, uint16_t, uint64_t, uint64_t)
TERN_LOAD(i64_load32_s, int32_t, int64_t, uint64_t)
TERN_LOAD(i64_load32_u, uint32_t, uint64_t, uint64_t)
TERN_STORE(i32_store, uint32_t, uint32_t)
TERN_STORE(i32_store8, uint8_t, uint32_t)
TERN_STORE(i32_store16, uint16_t, uint32_t)
TERN_STORE(i64_store, uint64_t, uint64_t)
TERN_STORE(i64_store8, uint8_t, uint64_t)
TERN_STORE(i64_store16, uint16_t, uint64_t)
TERN_STORE(i64_store32, uint32_t, uint64_t)

#endif
