/*
 * The WebAssembly runtime, as the library sees it: one instance of tern.wasm with a memory of exactly the bytes that
 * were planned. runtimes/<name>/ implements it.
 */
#ifndef RUNTIME_H
#define RUNTIME_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

/* Exports of the module (assembly/ABI.md), in the order of that page. */
enum runtime_export {
  RUNTIME_ABI_VERSION,
  RUNTIME_FEATURES,
  RUNTIME_PLAN,
  RUNTIME_OPEN,
  RUNTIME_INVOKE,
  RUNTIME_RESET,
};

/* Why a call did not return. 0: it did. */
enum runtime_trap {
  TRAP_NONE,
  TRAP_BOUNDS,
  TRAP_UNREACHABLE,
  TRAP_STACK,
  TRAP_LOAD, /* the module itself was refused */
  TRAP_OTHER,
};

/* Bytes at the start of linear memory that the module keeps for itself: its features(4). */
uint32_t runtime_own_bytes(void);

/* What the runtime wants of the memory that it is given beside linear memory, a multiple of 16: wasm2c behind it, for
   accesses that begin inside memory and that its bounds checks let pass; wasm3 before it, for its header. */
extern const uint32_t runtime_extra_bytes;

/* Makes the instance, with `bytes` bytes of linear memory, zeroed, in bytes + runtime_extra_bytes at `memory`, a multiple
   of 16. Anything but TRAP_NONE: no instance; so for fewer bytes than are the module's own. Calling it again makes a fresh
   instance: that is the way back after a trap. */
enum runtime_trap runtime_start(uint8_t *memory, uint32_t bytes);

/* Where linear memory lies; valid after runtime_start. */
uint8_t *runtime_memory(void);

/* Calls an export with `arguments` (as many as it has) and puts its result into *result. */
enum runtime_trap runtime_call(enum runtime_export which, const uint32_t *arguments, int32_t *result);

/* The module's one import, written by the firmware: copies `bytes` bytes of the blob, from `offset`, to `to`. 0, or
   anything else when it cannot. The runtime has checked that to … to + bytes lies in linear memory. */
int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes);

#ifdef __cplusplus
}
#endif
#endif
