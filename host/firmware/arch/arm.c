/* A Cortex-M: vector table, reset, faults, sleep. No interrupt is ever taken: they are masked, and only end a sleep. */
#include "arch.h"
#include "board.h"
#include "device.h"
#include "uart.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define NVIC_ENABLE REGISTER(0xe000e100u + UART_INTERRUPT / 32 * 4)
#define NVIC_CLEAR REGISTER(0xe000e280u + UART_INTERRUPT / 32 * 4)
#define UART_BIT (1u << UART_INTERRUPT % 32)

extern uint32_t stack_bottom[], stack_top[];
void start(void);
void reset(void);
void fault(void);
void fault_record(const uint32_t *frame);

__attribute__((section(".vectors"), used)) static const struct {
  const uint32_t *stack;
  void (*handlers[15])(void);
} vectors = {
    stack_top,
    {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault},
};

void reset(void) {
  __asm__ volatile("cpsid i");
  NVIC_ENABLE = UART_BIT;
  start();
}

/* Leaves the exception for `device_resume`, on an empty stack: by a frame that says so. */
__attribute__((naked)) void fault(void) {
  __asm__ volatile(".syntax unified\n"
                   "mrs r0, msp\n"
                   "ldr r1, =stack_top\n"
                   "mov sp, r1\n"
                   "bl fault_record\n"
                   "sub sp, #32\n"
                   "ldr r0, =device_resume\n"
                   "movs r1, #1\n"
                   "bics r0, r1\n"
                   "str r0, [sp, #24]\n" /* pc */
                   "ldr r0, =0x01000000\n"
                   "str r0, [sp, #28]\n" /* xpsr: Thumb */
                   "ldr r0, =0xfffffff9\n"
                   "bx r0\n"
                   ".ltorg\n");
}

__attribute__((used)) void fault_record(const uint32_t *frame) {
  const int whole = frame >= stack_bottom && frame + 8 <= stack_top; /* not so after a stack overflow */
#ifdef __ARM_ARCH_6M__
  const uint32_t cause = 0; /* it does not tell */
#else
  const uint32_t cause = REGISTER(0xe000ed28u); /* configurable fault status */
  REGISTER(0xe000ed28u) = cause;
  REGISTER(0xe000ed2cu) = REGISTER(0xe000ed2cu);
#endif
  device_fault(whole ? frame[6] : 0, cause);
}

void arch_copy(uint32_t *to, const uint32_t *from, uint32_t bytes) {
#ifndef __ARM_ARCH_6M__
  __asm__ volatile("subs %2, #128\n"
                   "blo 1f\n"
                   "0:\n"
                   ".rept 4\n"
                   "ldmia %1!, {r3-r6, r8-r11}\n"
                   "stmia %0!, {r3-r6, r8-r11}\n"
                   ".endr\n"
                   "subs %2, #128\n"
                   "bhs 0b\n"
                   "1: adds %2, #128\n"
                   : "+r"(to), "+r"(from), "+r"(bytes)
                   :
                   : "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "cc", "memory");
#endif
  for (; bytes > 0; bytes -= 16)
    __asm__ volatile("ldmia %0!, {r3-r6}\n stmia %1!, {r3-r6}"
                     : "+l"(from), "+l"(to)
                     :
                     : "r3", "r4", "r5", "r6", "memory");
}

uint8_t uart_wait(void) {
  for (;;) {
    NVIC_CLEAR = UART_BIT; /* before looking: what comes after it pends again */
    const int byte = uart_get();
    if (byte >= 0) return (uint8_t)byte;
    __asm__ volatile("wfi");
  }
}
