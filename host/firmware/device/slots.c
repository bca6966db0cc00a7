/* update.wasm, as C, over the board's flash. A trap of it would be a fault of the core: nothing that comes in can cause one. */
#include "slots.h"
#include "board.h"
#include "flash.h"
#include "tern.h"
#include "update_wasm2c.h"
#include <string.h>

/* Layout of the module's memory: its own bytes, then what is given to it. */
enum { LAYOUT = TERN_OWN_BYTES, STATEMENT = LAYOUT + 64, HEADER = STATEMENT + 64, DATA = HEADER + 64, END = DATA + 256 };
enum { STATE_TRYING = 3, ON_TRIAL = 85 };

static uint8_t memory[END + TERN_SLACK] __attribute__((aligned(16)));
static w2c_update instance;

/* As update.wasm reads it: assembly/update/FORMAT.md. */
static const uint32_t layout[13] = {SLOTS};
enum { FIRST_SLOT = 5, SLOT_WORDS = 4, BODY = 1, SECTOR_BYTES = 2, BODY_BYTES = 3 };

void update_trap(wasm_rt_trap_t trap) {
  (void)trap;
  __builtin_trap();
}

void update_allocate_memory(wasm_rt_memory_t *given, uint64_t pages, uint64_t max_pages, bool is64, uint32_t page_size) {
  (void)pages, (void)max_pages, (void)is64, (void)page_size;
  given->data = memory;
  given->size = END;
}

static uint8_t *in_memory(uint32_t at, uint32_t bytes) {
  if (at > END || bytes > END - at) update_trap(WASM_RT_TRAP_OOB);
  return memory + at;
}

uint32_t w2c_board_flash_read(struct w2c_board *board, uint32_t to, uint32_t address, uint32_t bytes) {
  (void)board;
  board_feed_watchdog();
  return (uint32_t)flash_read(in_memory(to, bytes), address, bytes);
}

uint32_t w2c_board_flash_program(struct w2c_board *board, uint32_t address, uint32_t from, uint32_t bytes) {
  (void)board;
  return (uint32_t)flash_program(address, in_memory(from, bytes), bytes);
}

uint32_t w2c_board_flash_erase(struct w2c_board *board, uint32_t address) {
  (void)board;
  board_feed_watchdog();
  return (uint32_t)flash_erase(address);
}

static int32_t start(void) {
  memcpy(memory + LAYOUT, layout, sizeof layout);
  return (int32_t)w2c_update_start(&instance, LAYOUT);
}

static int is_on_trial(void) {
  return slots_active() >= 0 && w2c_update_slot(&instance, (uint32_t)slots_active(), HEADER) == STATE_TRYING;
}

static int is_right(uint8_t *pool, uint32_t bytes) {
  uint32_t pairs, wrong = 1;
  const int opened = tern_check_blob(slots_room()) == TERN_OK && tern_open(pool, bytes, 1) == TERN_OK;
  const int right = opened && tern_self_test(&pairs, &wrong) == TERN_OK && wrong == 0;
  tern_close();
  return right;
}

void slots_start(uint8_t *pool, uint32_t bytes) {
  wasm2c_update_instantiate(&instance, 0);
  start();
  int32_t status = 0; /* going back may come to another that was only stored */
  while (status == 0 && is_on_trial()) status = is_right(pool, bytes) ? slots_confirm() : slots_revert();
}

int32_t slots_active(void) { return (int32_t)w2c_update_active(&instance); }

static uint32_t field(uint32_t slot, uint32_t word) { return layout[FIRST_SLOT + SLOT_WORDS * slot + word]; }

const uint8_t *slots_blob(void) {
  const int32_t slot = slots_active();
  return slot < 0 ? 0 : (const uint8_t *)field((uint32_t)slot, BODY);
}

uint32_t slots_room(void) {
  const int32_t slot = slots_active();
  return slot < 0 ? 0 : slots_body_bytes((uint32_t)slot);
}

int32_t slots_begin(uint32_t slot, const uint8_t *statement) {
  memcpy(memory + STATEMENT, statement, SLOTS_STATEMENT_BYTES);
  const int32_t before = slots_active();
  const int32_t status = (int32_t)w2c_update_begin(&instance, slot, STATEMENT);
  if (slots_active() != before) tern_close();
  return status;
}

int32_t slots_block(uint32_t offset, const uint8_t *from, uint32_t bytes) {
  memcpy(memory + DATA, from, bytes);
  return (int32_t)w2c_update_block(&instance, offset, DATA, bytes);
}

int32_t slots_checksum(uint32_t offset, uint32_t bytes, uint32_t *crc) {
  const int32_t status = (int32_t)w2c_update_checksum(&instance, offset, bytes, HEADER);
  memcpy(crc, memory + HEADER, sizeof *crc);
  return status;
}

int32_t slots_finish(void) { return (int32_t)w2c_update_finish(&instance); }

int32_t slots_try(void) {
  if (is_on_trial()) return ON_TRIAL;
  tern_close();
  return start();
}

int32_t slots_confirm(void) { return (int32_t)w2c_update_confirm(&instance); }

int32_t slots_revert(void) {
  tern_close();
  return (int32_t)w2c_update_revert(&instance);
}

uint32_t slots_count(void) { return slots_body_bytes(1) ? 2 : 1; }
uint32_t slots_sector_bytes(uint32_t slot) { return field(slot, SECTOR_BYTES); }
uint32_t slots_body_bytes(uint32_t slot) { return field(slot, BODY_BYTES); }

uint32_t slots_state(uint32_t slot, const uint8_t **header) {
  memset(memory + HEADER, 0, SLOTS_HEADER_BYTES);
  *header = memory + HEADER;
  return w2c_update_slot(&instance, slot, HEADER);
}

uint32_t slots_counter(void) { return w2c_update_counter(&instance); }

const uint8_t *slots_bytes(uint32_t slot, uint32_t at, uint32_t bytes) {
  if (slot >= slots_count() || at > slots_body_bytes(slot) || bytes > slots_body_bytes(slot) - at) return 0;
  return (const uint8_t *)(field(slot, BODY) + at);
}
