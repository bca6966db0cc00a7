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
 * The bounds check: 32 bits wide, where wasm2c's own adds in 64 bits, which costs a 32-bit core half as much again. An
 * address is a u32 plus a constant below 2^32, so its upper half is the carry. `size` is at least 8: wasm2c.c sees to
 * that.
 */
#ifdef TERN_UNCHECKED
#define TERN_MEMCHECK(mem, address, type)
#else
#define TERN_MEMCHECK(mem, address, type)                                                              \
  if (UNLIKELY((address) >> 32 || (uint32_t)(address) > (mem)->size - (uint32_t)sizeof(type))) TRAP(OOB);
#endif

/*
 * The generated C copies every number from and to memory. Cores that cannot read a word across its boundary would do
 * so byte by byte; there the address is taken as aligned, as the ABI's and the blob's addresses are, and what is not
 * ends in the core's own fault.
 */
#if defined(__ARM_ARCH_6M__) || (defined(__riscv) && __riscv_xlen == 32)
#define TERN_ALIGNED(at, n) __builtin_assume_aligned(at, (n) >= 4 ? 4 : (n) == 2 ? 2 : 1)
#define wasm_rt_memcpy(to, from, n) __builtin_memcpy(TERN_ALIGNED(to, n), TERN_ALIGNED(from, n), n)
#else
#define wasm_rt_memcpy __builtin_memcpy
#endif

#endif
