/*
 * m3_compile.c and m3_env.c of wasm3, with another calling convention for wasm3's operations, and another check of addresses.
 *
 * What operations hand on stays in registers that every function saves which uses them (AAPCS): but here they have a use of their own, so nothing is
 * saved or passed on the stack, and an operation has r0 to r3 to itself. A third of an inference's instructions, with the check.
 *
 * GCC for Thumb-1 (Cortex-M0) has too few registers for that, and makes no tail calls through a pointer: an operation cannot jump to the next; it would
 * call it, and the stack would grow by 24 bytes an operation up to the end of a loop's body: by kilobytes. There it notes the next in `next` and
 * returns to a loop.
 */
#ifdef __ARM_FEATURE_SIMD32
#include <arm_acle.h>
#endif
#define IM3Operation operation_in_wasm3s_order
#define RunCode run_in_wasm3s_order
#include "m3_exec_defs.h"
#undef IM3Operation
#undef RunCode
#undef d_m3Op
#undef d_m3OpSig
#undef nextOpImpl
#undef nextOpDirect
#undef jumpOpDirect

/*
 * A function is entered by wasm3's `Call`, whose last line is that of an operation; but its caller wants what comes of the function, so d_m3OpSig, which
 * is of `Call` alone, gives `_sp` another type.
 */
#if defined(__thumb2__)
register m3reg_t _r0 __asm__("r4"); /* and r5 */
register M3MemoryHeader *_mem __asm__("r6");
register m3stack_t _sp __asm__("r8");

typedef m3ret_t (*IM3Operation)(pc_t);
#define d_m3Op(NAME) static inline m3ret_t op_##NAME(pc_t _pc)
#define d_m3OpSig pc_t _pc, const m3slot_t *_sp, M3MemoryHeader *mem, m3reg_t r0

static inline m3ret_t run(pc_t pc) { return ((IM3Operation)*pc)(pc + 1); }

static m3ret_t RunCode(pc_t pc, m3stack_t sp, M3MemoryHeader *mem, m3reg_t r0) {
  const m3reg_t callers_r0 = _r0;
  M3MemoryHeader *const callers_mem = _mem;
  const m3stack_t callers_sp = _sp;
  _r0 = r0;
  _mem = mem;
  _sp = sp;
  const m3ret_t result = run(pc);
  _r0 = callers_r0;
  _mem = callers_mem;
  _sp = callers_sp;
  return result;
}

static inline m3ret_t then(pc_t pc, m3stack_t sp) { return (void)sp, run(pc); }
static inline m3ret_t enter(pc_t pc, const m3slot_t *sp) { return RunCode(pc, (m3stack_t)sp, _mem, 0); }

#define nextOpImpl() run(_pc)
#define nextOpDirect() return _Generic(_sp, m3stack_t : then, const m3slot_t * : enter)(_pc, _sp)
#define jumpOpDirect(PC) return run((pc_t)(PC))
#else
#define SIGNATURE pc_t _pc, m3stack_t _sp, m3reg_t _r0, M3MemoryHeader *_mem
typedef m3ret_t (*IM3Operation)(SIGNATURE);
#define d_m3Op(NAME) static inline m3ret_t op_##NAME(SIGNATURE)
#define d_m3OpSig pc_t _pc, const m3slot_t *_sp, M3MemoryHeader *_mem, m3reg_t _r0

static struct {
  pc_t pc;
  m3stack_t sp;
  m3reg_t r0;
  M3MemoryHeader *mem;
} next;
static const char goes_on[1]; /* no trap has its address */

static m3ret_t RunCode(pc_t pc, m3stack_t sp, M3MemoryHeader *mem, m3reg_t r0) {
  m3ret_t result = ((IM3Operation)*pc)(pc + 1, sp, r0, mem);
  while (result == goes_on) result = ((IM3Operation)*next.pc)(next.pc + 1, next.sp, next.r0, next.mem);
  return result;
}

static inline m3ret_t then(pc_t pc, m3stack_t sp, M3MemoryHeader *mem, m3reg_t r0) {
  next.pc = pc;
  next.sp = sp;
  next.r0 = r0;
  next.mem = mem;
  return goes_on;
}

static inline m3ret_t enter(pc_t pc, const m3slot_t *sp, M3MemoryHeader *mem, m3reg_t r0) {
  return RunCode(pc, (m3stack_t)sp, mem, r0);
}

#define nextOpImpl() RunCode(_pc, _sp, _mem, _r0)
#define nextOpDirect() return _Generic(_sp, m3stack_t : then, const m3slot_t * : enter)(_pc, _sp, _mem, _r0)
#define jumpOpDirect(PC) return then((pc_t)(PC), _sp, _mem, _r0)
#endif

/*
 * Whether `bytes` bytes at `address`, a sum of which `offset` is one term, lie inside memory: a sum that is less than a term of it has wrapped. Memory
 * is no smaller than the widest access (wasm3.c). It takes the place of wasm3's own check, which is of 64 bits (interpreters.ts).
 */
static inline bool is_inside(uint32_t address, uint32_t offset, uint32_t bytes, const M3MemoryHeader *memory) {
  return address >= offset && address <= memory->length - bytes;
}

/* A constant that the compiler does not know: it stays in a register, and an Arm core shifts and masks in one instruction. */
static inline uint32_t kept(uint32_t constant) {
  __asm__("" : "+r"(constant));
  return constant;
}

/* libgcc has it as a function, 1.6 times as long. */
static inline uint32_t popcount64(uint64_t x) {
  const uint32_t pairs = kept(0x55555555), fours = kept(0x33333333), bytes = kept(0x0f0f0f0f);
  uint32_t a = (uint32_t)x, b = (uint32_t)(x >> 32);
  a -= a >> 1 & pairs;
  b -= b >> 1 & pairs;
  a = (a & fours) + (a >> 2 & fours) + (b & fours) + (b >> 2 & fours); /* at most 8 in 4 bits */
  a = (a & bytes) + (a >> 4 & bytes);
#ifdef __ARM_FEATURE_SIMD32
  return __usad8(a, 0);
#else
  return a * 0x01010101 >> 24;
#endif
}
#define __builtin_popcountll popcount64

#pragma GCC diagnostic ignored "-Wunused-parameter" /* an operation has all of them */
#include "m3_compile.c"
#include "m3_env.c"
