/* The command loop of the firmware: PROTOCOL.md. */
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

/* Where a fault handler goes on, on an empty stack: reports the fault and answers further requests. */
void device_resume(void);

/* What stopped the core: address of the instruction (0: unknown) and the core's own code. */
void device_fault(uint32_t at, uint32_t cause);

#endif
