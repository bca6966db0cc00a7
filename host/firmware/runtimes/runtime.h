/*
 * The WebAssembly runtime, as the library sees it: one instance of tern.wasm with a memory of exactly the bytes that
 * were planned. runtimes/<name>/ implements it.
 *
 * Its one caller is the library (tern.c), which proves what a function here relies on; the module is held to linear
 * memory by the runtime, whatever the module does.
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

/* Bytes at the start of linear memory that the module keeps for itself: its features(4). Ends the instance that there
   is. Relies on nothing. */
uint32_t runtime_own_bytes(void);

/* What the runtime wants of the memory that it is given beside linear memory, a multiple of 16: wasm2c behind it, for
   accesses that begin inside memory and that its bounds checks let pass; wasm3 before it, for its header. */
extern const uint32_t runtime_extra_bytes;

/* Makes the instance, with `bytes` bytes of linear memory, zeroed, in bytes + runtime_extra_bytes at `memory`, a multiple
   of 16: the library has counted them (tern_plan), the firmware's caller gives them. Anything but TRAP_NONE: no instance;
   so for fewer bytes than are the module's own. Calling it again makes a fresh instance: that is the way back after a
   trap. */
enum runtime_trap runtime_start(uint8_t *memory, uint32_t bytes);

/* Where linear memory lies. Relies on a runtime_start that returned TRAP_NONE, be it that the module has trapped since: the
   library asks for it behind one alone. */
uint8_t *runtime_memory(void);

/* Calls an export with `arguments` (as many as it has) and puts its result into *result, which only TRAP_NONE sets. Without
   an instance: TRAP_OTHER. */
enum runtime_trap runtime_call(enum runtime_export which, const uint32_t *arguments, int32_t *result);

/* The module's one import, written by the firmware: copies `bytes` bytes of the blob, from `offset`, to `to`. 0, or
   anything else when it cannot. The runtime has checked that `to` and the bytes behind it lie in linear memory, and the library calls
   it for buffers of its own. Nobody has checked `offset` and `bytes`, which a damaged blob may have said: compare them
   with the flash that there is, without a sum that wraps:

     if (offset > FLASH_BYTES || bytes > FLASH_BYTES - offset) return 1; */
int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes);

#ifdef __cplusplus
}
#endif
#endif
