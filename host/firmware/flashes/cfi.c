/* Parallel NOR flash with Intel's command set (CFI 1): two chips of 16 bits side by side, which take each command together. Bytes of a unit: 4. */
#include "flash.h"
#include <string.h>

enum { READ_ARRAY = 0xff, PROGRAM = 0x40, ERASE = 0x20, CONFIRM = 0xd0, CLEAR_STATUS = 0x50 };
enum { READY = 0x80, ERRORS = 0x3a }; /* erase, program, voltage, lock */

static uint32_t both(uint32_t command) { return command << 16 | command; }

/* Waits for both chips. 0, or their errors. */
static int32_t wait(volatile uint32_t *at) {
  uint32_t status;
  do status = *at;
  while ((status & both(READY)) != both(READY));
  status &= both(ERRORS);
  if (status) *at = both(CLEAR_STATUS);
  return status != 0;
}

int32_t flash_read(uint8_t *to, uint32_t address, uint32_t bytes) {
  memcpy(to, (const uint8_t *)address, bytes);
  return 0;
}

int32_t flash_program(uint32_t address, const uint8_t *from, uint32_t bytes) {
  volatile uint32_t *at = (volatile uint32_t *)address;
  int32_t failed = 0;
  for (; bytes > 0 && !failed; bytes -= 4, from += 4, at++) {
    uint32_t unit;
    memcpy(&unit, from, sizeof unit);
    *at = both(PROGRAM);
    *at = unit;
    failed = wait(at);
  }
  *(volatile uint32_t *)address = both(READ_ARRAY);
  return failed;
}

int32_t flash_erase(uint32_t address) {
  volatile uint32_t *at = (volatile uint32_t *)address;
  *at = both(ERASE);
  *at = both(CONFIRM);
  const int32_t failed = wait(at);
  *at = both(READ_ARRAY);
  return failed;
}
