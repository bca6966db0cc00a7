/* An RV32: reset, traps, sleep. No interrupt is ever taken: they only end a sleep. */
#include "arch.h"
#include "board.h"
#include "device.h"
#include "uart.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define PLIC 0x0c000000u
#define PLIC_PRIORITY REGISTER(PLIC + 4 * UART_INTERRUPT)
#define PLIC_ENABLE REGISTER(PLIC + 0x2000 + UART_INTERRUPT / 32 * 4)
#define PLIC_THRESHOLD REGISTER(PLIC + 0x200000)
#define PLIC_CLAIM REGISTER(PLIC + 0x200004)
#define MIE_EXTERNAL (1u << 11)

/* Said here: in -march it would make gcc look for another libc. */
__asm__(".option arch, +zicsr");

void start(void);
void reset(void);
void fault(void);

__attribute__((naked, section(".vectors"), used)) void reset(void) {
  __asm__ volatile(".option push\n"
                   ".option norelax\n"
                   "la gp, __global_pointer$\n"
                   ".option pop\n"
                   "la sp, stack_top\n"
                   "la t0, fault\n"
                   "csrw mtvec, t0\n"
                   "j start_riscv\n");
}

__attribute__((used)) void start_riscv(void) {
  PLIC_PRIORITY = 1;
  PLIC_ENABLE = 1u << UART_INTERRUPT % 32;
  PLIC_THRESHOLD = 0;
  __asm__ volatile("csrw mie, %0" ::"r"(MIE_EXTERNAL));
  start();
}

/* Leaves the trap for `device_resume`, on an empty stack. */
__attribute__((naked, aligned(4))) void fault(void) {
  __asm__ volatile("la sp, stack_top\n"
                   "csrr a0, mepc\n"
                   "csrr a1, mcause\n"
                   "call device_fault\n"
                   "la t0, device_resume\n"
                   "csrw mepc, t0\n"
                   "mret\n");
}

void arch_copy(uint32_t *to, const uint32_t *from, uint32_t bytes) {
  for (; bytes > 0; bytes -= 16, to += 4, from += 4) {
    const uint32_t a = from[0], b = from[1], c = from[2], d = from[3];
    to[0] = a, to[1] = b, to[2] = c, to[3] = d;
  }
}

uint8_t uart_wait(void) {
  for (;;) {
    const int byte = uart_get();
    if (byte >= 0) return (uint8_t)byte;
    __asm__ volatile("wfi");
    PLIC_CLAIM = PLIC_CLAIM; /* claimed and completed: it pends again when the next byte comes */
  }
}
