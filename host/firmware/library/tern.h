/*
 * Little Tern: runs a model whose weights stay in flash. One model is open at a time; all memory is given by the
 * caller.
 *
 *   static uint8_t memory[MODEL_BYTES] __attribute__((aligned(16)));  // what `tern_plan` or `tern fit` tells
 *   if (tern_open(memory, sizeof memory, 1) != TERN_OK) return;
 *   if (tern_input_bytes(0) != sizeof pixels || tern_output_bytes(0) != sizeof sums) return;  // another model
 *   memcpy(tern_input(0, 1), pixels, sizeof pixels);
 *   if (tern_run(1) == TERN_OK) memcpy(sums, tern_output(0, 1), sizeof sums);
 *
 * The firmware gives one function, `board_weights_read` (runtime.h): it copies bytes of the blob out of flash. Not for
 * two threads at once, nor for an interrupt routine while another call is under way.
 *
 * Who proves what: the blob is not trusted. Whatever its bytes are, no call reads or writes outside `memory`, the
 * library's own variables and the blob's flash, works longer than its bytes explain, or trusts a size that they claim;
 * what does not hold is a status. Trusted are tern.wasm, which is part of the firmware as this library is, and the
 * caller: `memory` is a multiple of 16, of `bytes` bytes, and no one else's until tern_close; all pointers that a call
 * takes are to memory of the caller's. Any index, number of rows and range is looked at.
 */
#ifndef TERN_H
#define TERN_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

enum tern_status {
  TERN_OK = 0,
  /* 1 ... 14: what the module returns; assembly/ABI.md has the table. */
  TERN_BAD_ROWS = 10,
  TERN_NOT_OPEN = 12,
  TERN_BAD_RANGE = 13,
  TERN_READ_FAILED = 14,
  /* The library's own. */
  TERN_NO_BLOB = 32,       /* where the blob should be is nothing: only 0 or only 255 */
  TERN_BAD_BLOB = 33,      /* not a blob, or its checksum is wrong: half-written, or damaged */
  TERN_OUT_OF_MEMORY = 34, /* the model needs more than was given: tern_planned() */
  TERN_BAD_TENSOR = 35,    /* a tensor, or bytes of it, that the model does not have */
  /* 48 + n: the module trapped, for reason n of runtime.h. The model is closed. */
  TERN_TRAP = 48,
};

/* Proves that a whole blob lies in flash: its header, and the checksum of all its bytes. At most `room` bytes are
   looked at. Relies on nothing. It tells accidents, not attacks: who makes a blob makes its checksum. */
int tern_check_blob(uint32_t room);

/* What a model needs for `rows` rows: the module's tables, head, activations, scratch, and the runtime's share. `memory`,
   at a multiple of 16, has room for all but activations and scratch. The answer is tern_planned(), also where it is more
   than `bytes`; 0 where the header is none. Closes what is open. */
int tern_plan(uint8_t *memory, uint32_t bytes, uint32_t rows);
uint32_t tern_planned(void);

/* Opens the model in flash in tern_planned() bytes of `memory`, for up to `rows` rows at a time. The module proves the
   head (assembly/ABI.md, `open`) and the checksum of the weights. While the model is open nobody writes its flash: weights
   that change give other numbers, but no other access. */
int tern_open(uint8_t *memory, uint32_t bytes, uint32_t rows);

/* Bytes of the elements of a row of an input or output; 0: no model is open, or it has none such. A blob may be another
   one than the firmware was written for, so compare them with what you copy; then tern_input and tern_output are not 0. */
uint32_t tern_input_bytes(uint32_t index);
uint32_t tern_output_bytes(uint32_t index);

/* First byte of row 0 of an input or output, or of any tensor, for a run of `rows` rows; rows are tern_row_bytes apart.
   0: no model is open, it has none such, or `rows` are 0 or more than were opened. Elements are as host/blob/FORMAT.md
   says: bytes, bits, i16, f32 or i32, little-endian; bits behind the last are 0. The memory is reused by later ops unless
   it is an output's, and no longer the model's when that is closed. */
uint8_t *tern_input(uint32_t index, uint32_t rows);
uint8_t *tern_output(uint32_t index, uint32_t rows);
uint8_t *tern_tensor(uint32_t tensor, uint32_t rows);
uint32_t tern_row_bytes(uint32_t tensor);

/* Runs all ops, or those from first to end - 1, on `rows` rows, of whatever the inputs hold. */
int tern_run(uint32_t rows);
int tern_invoke(uint32_t first, uint32_t end, uint32_t rows);

/* Closes the model; its memory is free for other uses. */
void tern_close(void);

/* Zeroes what survives a run; models of this version have nothing such. */
int tern_reset(void);

/* Runs the golden pairs that the blob carries. *pairs: how many were run; *wrong: how many came out otherwise. TERN_BAD_BLOB:
   the pairs are not where the blob says, or not of this model's inputs and outputs; `open` does not look at them. Every
   pair takes bytes of the blob, so its size bounds the work. Overwrites all tensors. */
int tern_self_test(uint32_t *pairs, uint32_t *wrong);

/* A status in words, of any number. */
const char *tern_status_text(int status);

/* Called by what may take long: between pieces of a checksum, between the ops of tern_run, so between golden pairs. A
   firmware with a watchdog defines it and feeds it there; else it does nothing. It calls nothing of this library. One op
   is what may take longest between two calls: where that is too long, board_weights_read, called for each tile of its
   weights and while tern_open proves them, can feed it as well. tern_invoke leaves it to its caller. */
void board_feed_watchdog(void);

#ifdef __cplusplus
}
#endif
#endif
