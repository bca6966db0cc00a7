/*
 * m3_compile.c and m3_env.c of wasm3, with another calling convention for wasm3's operations.
 *
 * The register of 64 bits comes before the pointer to memory: then Arm passes it in r2 and r3, and the pointer, which only loads and stores need, on
 * the stack. In wasm3's own order it is the other way around, and each operation loads and stores the register. With -O2 and the population count
 * below, an inference takes 10 to 12 % fewer instructions on Cortex-M4 than in wasm3's own order with -Os.
 *
 * Where GCC makes no tail calls through a pointer (Thumb-1: Cortex-M0), an operation cannot jump to the next; it would call it, and the stack would
 * grow by 24 bytes an operation up to the end of a loop's body: by kilobytes. There it notes the next in `next` and returns to a loop.
 */
#define IM3Operation operation_in_wasm3s_order
#define RunCode run_in_wasm3s_order
#include "m3_exec_defs.h"
#undef IM3Operation
#undef RunCode
#undef d_m3Op
#undef nextOpImpl
#undef nextOpDirect
#undef jumpOpDirect

#define SIGNATURE pc_t _pc, m3stack_t _sp, m3reg_t _r0, M3MemoryHeader *_mem
typedef m3ret_t (*IM3Operation)(SIGNATURE);
#define d_m3Op(NAME) static inline m3ret_t op_##NAME(SIGNATURE)
#define call_operation(PC, SP, R0, MEM) ((IM3Operation) * (PC))((PC) + 1, SP, R0, MEM)

#if defined(__thumb__) && !defined(__thumb2__)
static struct {
  pc_t pc;
  m3stack_t sp;
  m3reg_t r0;
  M3MemoryHeader *mem;
} next;
static const char goes_on[1]; /* no trap has its address */

static m3ret_t RunCode(pc_t pc, m3stack_t sp, M3MemoryHeader *mem, m3reg_t r0) {
  m3ret_t result = call_operation(pc, sp, r0, mem);
  while (result == goes_on) result = call_operation(next.pc, next.sp, next.r0, next.mem);
  return result;
}

static inline m3ret_t then(pc_t pc, m3stack_t sp, M3MemoryHeader *mem, m3reg_t r0) {
  next.pc = pc;
  next.sp = sp;
  next.r0 = r0;
  next.mem = mem;
  return goes_on;
}

/*
 * How operations end, and how a loop's body is entered: nextOpImpl. A function is entered by wasm3's `Call`, whose last line is that of an operation;
 * but its caller wants what comes of the function, so it is told from operations by the type of its `_mem`.
 */
#undef d_m3OpSig
#define d_m3OpSig pc_t _pc, m3stack_t _sp, const M3MemoryHeader *_mem, m3reg_t _r0 /* of `Call` alone */
#define nextOpImpl() RunCode(_pc, _sp, _mem, _r0)
#define nextOpDirect() \
  return _Generic(_mem, M3MemoryHeader * : then, const M3MemoryHeader * : RunCode)(_pc, _sp, (M3MemoryHeader *)_mem, _r0)
#define jumpOpDirect(PC) return then((pc_t)(PC), _sp, _mem, _r0)
#else
#define nextOpImpl() call_operation(_pc, _sp, _r0, _mem)
#define nextOpDirect() return nextOpImpl()
#define jumpOpDirect(PC) return call_operation((pc_t)(PC), _sp, _r0, _mem)

static inline m3ret_t RunCode(pc_t _pc, m3stack_t _sp, M3MemoryHeader *_mem, m3reg_t _r0) { return nextOpImpl(); }
#endif

/* libgcc has it as a function, 1.3 times as long. */
static inline uint32_t popcount64(uint64_t x) {
  uint32_t a = (uint32_t)x, b = (uint32_t)(x >> 32);
  a -= a >> 1 & 0x55555555;
  b -= b >> 1 & 0x55555555;
  a = (a & 0x33333333) + (a >> 2 & 0x33333333) + (b & 0x33333333) + (b >> 2 & 0x33333333); /* at most 8 in 4 bits */
  return ((a & 0x0f0f0f0f) + (a >> 4 & 0x0f0f0f0f)) * 0x01010101 >> 24;
}
#define __builtin_popcountll popcount64

#pragma GCC diagnostic ignored "-Wunused-parameter" /* an operation has all four */
#include "m3_compile.c"
#include "m3_env.c"
