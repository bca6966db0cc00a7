/* What the core's own code gives (arch/<arch>.c), and stack.c. They rely on the linker script for the addresses, and on
   start() for the paint of the stack; on nothing that comes in. */
#ifndef ARCH_H
#define ARCH_H
#include <stdint.h>

/* RAM that a model may take. */
extern uint8_t pool_start[], pool_end[];

/* What start() writes to the stack that is not in use. */
#define STACK_PAINT 0x5ac35ac3u

/* Most bytes of stack that were in use since power-up, by the paint that is gone. */
uint32_t arch_stack_used(void);

/* Whether the stack has been used to its end, and so maybe beyond it, where the bus did not fault. Once per overrun. */
int arch_stack_overran(void);

/* Copies words, a multiple of 16 bytes; many with an instruction where the core can. memcpy, its one caller, has looked at
   the addresses and rounded the bytes. */
void arch_copy(uint32_t *to, const uint32_t *from, uint32_t bytes);

/* Builds for tests alone. Way 0: a bad address, 1: no instruction, 2: a stack of 16 KB and more; 3: writes to flash,
   and fails only if that changes it. */
void arch_break(uint32_t way);

#ifdef __riscv
#define NO_INSTRUCTION "unimp"
#else
#define NO_INSTRUCTION "udf #0"
#endif

#endif
