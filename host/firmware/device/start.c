/* From reset to the command loop: RAM, paint, the board's registers. arch/<arch>.c calls it on an empty stack. */
#include "arch.h"
#include "board.h"
#include "device.h"
#include <string.h>

#define PAINT 0x5ac35ac3u

extern uint32_t stack_bottom[], stack_top[];
extern uint8_t data_start[], data_end[], data_load[], bss_start[], bss_end[];

void start(void) {
  memcpy(data_start, data_load, (uint32_t)(data_end - data_start));
  memset(bss_start, 0, (uint32_t)(bss_end - bss_start));
  uint32_t *here = (uint32_t *)__builtin_frame_address(0) - 16;
  for (volatile uint32_t *at = stack_bottom; at < here; at++) *at = PAINT;
#ifdef BOARD_SETUP
  static const struct {
    uint32_t address, value;
  } setup[] = {BOARD_SETUP};
  for (uint32_t i = 0; i < sizeof setup / sizeof setup[0]; i++) *(volatile uint32_t *)setup[i].address = setup[i].value;
#endif
  device_run();
}

uint32_t arch_stack_used(void) {
  const uint32_t *at = stack_bottom;
  while (*at == PAINT) at++;
  return (uint32_t)((uint8_t *)stack_top - (uint8_t *)at);
}

int arch_stack_overran(void) {
  const int overran = *stack_bottom != PAINT;
  *stack_bottom = PAINT;
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
