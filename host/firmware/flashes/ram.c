/* Memory that is kept as flash is: by a battery, by FRAM, or by an emulator. Sectors of one size. */
#include "board.h"
#include "flash.h"
#include <string.h>

int32_t flash_read(uint8_t *to, uint32_t address, uint32_t bytes) {
  memcpy(to, (const uint8_t *)address, bytes);
  return 0;
}

int32_t flash_program(uint32_t address, const uint8_t *from, uint32_t bytes) {
  memcpy((uint8_t *)address, from, bytes);
  return 0;
}

int32_t flash_erase(uint32_t address) {
  memset((uint8_t *)address, SLOTS_ERASED, SLOTS_SECTOR_BYTES);
  return 0;
}
