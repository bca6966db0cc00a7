/*
 * The flash that slots lie in, as update.wasm wants it (assembly/update/README.md): flashes/<kind>.c gives these. Between two calls it can be read where it
 * lies. Addresses are of slots and counters, whole units and sectors: update.wasm proves it, with the layout of board.h.
 */
#ifndef FLASH_H
#define FLASH_H
#include <stdint.h>

/* Copies bytes of flash. 0, or anything else when it cannot. */
int32_t flash_read(uint8_t *to, uint32_t address, uint32_t bytes);

/* Programs whole units, of which none was programmed since its sector was erased. 0, or anything else when it failed. */
int32_t flash_program(uint32_t address, const uint8_t *from, uint32_t bytes);

/* Erases the sector that begins at `address`. 0, or anything else when it failed. */
int32_t flash_erase(uint32_t address);

#endif
