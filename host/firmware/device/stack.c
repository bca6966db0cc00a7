/* What the paint of the stack tells, and the ways in which a test breaks a firmware. */
#include "arch.h"

extern uint32_t stack_bottom[], stack_top[];

uint32_t arch_stack_used(void) {
  const uint32_t *at = stack_bottom;
  while (*at == STACK_PAINT) at++;
  return (uint32_t)((uint8_t *)stack_top - (uint8_t *)at);
}

int arch_stack_overran(void) {
  const int overran = *stack_bottom != STACK_PAINT;
  *stack_bottom = STACK_PAINT;
  return overran;
}

#ifdef TERN_BREAK
__attribute__((noinline, noclone)) static uint32_t recurse(uint32_t depth) {
  volatile uint32_t local[4] = {depth};
  return depth == 0 ? 0 : recurse(depth - 1) + local[0];
}

void arch_break(uint32_t way) {
  volatile uint32_t *nowhere = (volatile uint32_t *)0xf0000000u;
  volatile uint32_t *code = (volatile uint32_t *)((uintptr_t)recurse & ~(uintptr_t)3);
  const uint32_t was = *code;
  if (way == 0) *nowhere = 0;
  if (way == 1) __asm__ volatile(NO_INSTRUCTION);
  if (way == 2) recurse(1000);
  if (way == 3) *code = ~was;
  if (*code != was) recurse(1000);
}
#endif
