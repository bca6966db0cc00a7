/* From reset to the command loop: RAM, paint, the board's registers. arch/<arch>.c calls it on an empty stack. */
#include "arch.h"
#include "board.h"
#include "device.h"
#include <string.h>

extern uint32_t stack_bottom[];
extern uint8_t data_start[], data_end[], data_load[], bss_start[], bss_end[];

void start(void) {
  memcpy(data_start, data_load, (uint32_t)(data_end - data_start));
  memset(bss_start, 0, (uint32_t)(bss_end - bss_start));
  uint32_t *here = (uint32_t *)__builtin_frame_address(0) - 16;
  for (volatile uint32_t *at = stack_bottom; at < here; at++) *at = STACK_PAINT;
#ifdef BOARD_SETUP
  static const struct {
    uint32_t address, value;
  } setup[] = {BOARD_SETUP};
  for (uint32_t i = 0; i < sizeof setup / sizeof setup[0]; i++) *(volatile uint32_t *)setup[i].address = setup[i].value;
#endif
  device_run();
}
