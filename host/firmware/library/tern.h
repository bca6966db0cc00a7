/*
 * Little Tern: runs a model whose weights stay in flash. One model is open at a time; all memory is given by the
 * caller.
 *
 *   static uint8_t memory[MODEL_BYTES] __attribute__((aligned(16)));  // what `tern_plan` or `tern fit` tells
 *   if (tern_open(memory, sizeof memory, 1) != TERN_OK) ...
 *   memcpy(tern_input(0, 1), pixels, sizeof pixels);
 *   if (tern_run(1) == TERN_OK) answer = tern_output(0, 1);
 *
 * The firmware gives one function, `board_weights_read` (runtime.h): it copies bytes of the blob out of flash. Not for
 * two threads at once.
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
   looked at. */
int tern_check_blob(uint32_t room);

/* What a model needs for `rows` rows: the module's tables, head, activations, scratch, and the runtime's share. `memory`,
   at a multiple of 16, has room for all but activations and scratch. The answer is tern_planned(), also where it is more
   than `bytes`. Closes what is open. */
int tern_plan(uint8_t *memory, uint32_t bytes, uint32_t rows);
uint32_t tern_planned(void);

/* Opens the model in flash in tern_planned() bytes of `memory`, for up to `rows` rows at a time. */
int tern_open(uint8_t *memory, uint32_t bytes, uint32_t rows);

/* First byte of row 0 of an input or output, or of any tensor (0: there is none), for a run of `rows` rows; rows are
   tern_row_bytes apart. Elements are as host/blob/FORMAT.md says: bytes, bits, i16, f32 or i32, little-endian. Its
   memory is reused by later ops unless it is an output. */
uint8_t *tern_input(uint32_t index, uint32_t rows);
uint8_t *tern_output(uint32_t index, uint32_t rows);
uint8_t *tern_tensor(uint32_t tensor, uint32_t rows);
uint32_t tern_row_bytes(uint32_t tensor);

/* Runs all ops, or those from first to end - 1, on `rows` rows. */
int tern_run(uint32_t rows);
int tern_invoke(uint32_t first, uint32_t end, uint32_t rows);

/* Closes the model; its memory is free for other uses. */
void tern_close(void);

/* Zeroes what survives a run; models of this version have nothing such. */
int tern_reset(void);

/* Runs the golden pairs that the blob carries. *pairs: how many there are; *wrong: how many came out otherwise. */
int tern_self_test(uint32_t *pairs, uint32_t *wrong);

/* A status in words. */
const char *tern_status_text(int status);

#ifdef __cplusplus
}
#endif
#endif
