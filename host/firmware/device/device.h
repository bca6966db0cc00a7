/*
 * The command loop of the firmware: PROTOCOL.md.
 *
 * Who proves what: no byte that comes in is trusted, nor one of the blob. frame.c proves length and checksum of a frame,
 * so a payload has the bytes that it says, at most FRAME_PAYLOAD_BYTES. device.c compares that with what the command
 * takes before it reads one. Tensors, rows and ranges are proven by the library, and what `write` and `read` name of a
 * tensor by its size; offsets into the blob by board_weights_read, with the flash that there is; slots and what is written to them, by update.wasm. Trusted are board.h and
 * the linker script, of which a board's file is made.
 */
#ifndef DEVICE_H
#define DEVICE_H
#include <stdint.h>

enum device_command {
  DEVICE_INFO = 1,
  DEVICE_OPEN = 2,
  DEVICE_WRITE = 3,
  DEVICE_INVOKE = 4,
  DEVICE_READ = 5,
  DEVICE_SELF_TEST = 6,
  /* With slots alone. */
  DEVICE_SLOTS = 16,
  DEVICE_BEGIN = 17,
  DEVICE_BLOCK = 18,
  DEVICE_CHECKSUM = 19,
  DEVICE_FINISH = 20,
  DEVICE_TRY = 21,
  DEVICE_CONFIRM = 22,
  DEVICE_REVERT = 23,
  DEVICE_DUMP = 24,
  DEVICE_BREAK = 112, /* builds for tests alone */
};

/* Status codes beside those of tern.h. */
enum device_status {
  DEVICE_BAD_FRAME = 64,   /* checksum or length */
  DEVICE_BAD_REQUEST = 65, /* a command or payload that it does not know */
  DEVICE_FAULT = 66,       /* the core stopped: stack overflow, or an access that the chip forbids */
};

/* A fault's cause where the core did not tell: the stack was used to its end. */
#define DEVICE_STACK_OVERRUN 0xffffffffu

/* Answers requests, for ever. */
void device_run(void);

/* Where a fault handler goes on, on an empty stack, behind device_fault: reports the fault and answers further requests.
   Relies on no variable of what was under way but for whether a request was; closes the model. */
void device_resume(void);

/* What stopped the core: address of the instruction (0: unknown) and the core's own code. */
void device_fault(uint32_t at, uint32_t cause);

#endif
