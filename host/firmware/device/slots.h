/*
 * Models in slots of flash: what device.c asks of a firmware with slots. update.wasm, as C, keeps them; it has the layout of board.h, and memory
 * that nobody else writes. What comes in is proven by device.c, as far as a payload's size goes, and by update.wasm.
 */
#ifndef SLOTS_H
#define SLOTS_H
#include <stdint.h>

enum { SLOTS_STATEMENT_BYTES = 44, SLOTS_HEADER_BYTES = 64 };

/* After reset: chooses the model that runs; one that was stored is tried, and confirmed or reverted. `pool`, a multiple of 16, is memory
   for it. */
void slots_start(uint8_t *pool, uint32_t bytes);

/* The slot whose model runs, −1: none; where it lies; and the bytes that it may take, 0 where none runs. */
int32_t slots_active(void);
const uint8_t *slots_blob(void);
uint32_t slots_room(void);

/* Begins a transfer. Closes the model that runs if the slot is its own. */
int32_t slots_begin(uint32_t slot, const uint8_t *statement);
int32_t slots_block(uint32_t offset, const uint8_t *from, uint32_t bytes);
int32_t slots_checksum(uint32_t offset, uint32_t bytes, uint32_t *crc);
int32_t slots_finish(void);

/* Starts the model that was stored. Closes the one that ran, unless that is on trial, which is a status. */
int32_t slots_try(void);
int32_t slots_confirm(void);
int32_t slots_revert(void);

/* How many slots there are; sectors and room of each; its state, and its header, zeros where it is empty, until the next call. */
uint32_t slots_count(void);
uint32_t slots_sector_bytes(uint32_t slot);
uint32_t slots_body_bytes(uint32_t slot);
uint32_t slots_state(uint32_t slot, const uint8_t **header);
uint32_t slots_counter(void);

/* Where bytes of a slot lie; 0: it has no such bytes. */
const uint8_t *slots_bytes(uint32_t slot, uint32_t at, uint32_t bytes);

#endif
