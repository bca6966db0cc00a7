/*
 * The library: what a firmware calls, over a WebAssembly runtime that runs the module.
 *
 * Linear memory begins with what the module keeps for itself; the head of the blob, arena and scratch follow. What the
 * runtime wants beside it is of the same memory.
 *
 * Who proves what is read here: the head of an open model, the module's `open` (ABI.md), on the copy in linear memory
 * that no one writes to; so its tables lie in the head, its inputs and outputs are tensors, and these lie in the arena.
 * Before that, and of all other parts of the blob, nothing is proven: read_header and self_test_part compare what they
 * use with the blob. The caller proves what tern.h asks of it.
 */
#include "tern.h"
#include "blob.h"
#include "crc32.h"
#include "runtime.h"
#include <string.h>

static uint32_t planned;   /* bytes: linear memory, and the runtime's extra ones */
static uint32_t head_at;   /* where the head lies in linear memory */
static uint8_t *head;      /* the same place, of the instance that there is */
static uint32_t open_rows; /* 0: no model is open */

/* Numbers of a blob are read as they lie: each at a multiple of its size, since a head begins at a multiple of 16. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a blob's numbers are little-endian"
#endif
#define ALIGNED __attribute__((aligned(4)))
static uint32_t load16(const uint8_t *at) {
  uint16_t number;
  __builtin_memcpy(&number, __builtin_assume_aligned(at, sizeof number), sizeof number);
  return number;
}
static uint32_t load32(const uint8_t *at) {
  uint32_t number;
  __builtin_memcpy(&number, __builtin_assume_aligned(at, sizeof number), sizeof number);
  return number;
}

static int trapped(enum runtime_trap trap) {
  open_rows = 0;
  return TERN_TRAP + (int)trap;
}

/* A firmware's own takes its place. */
__attribute__((weak)) void board_feed_watchdog(void) {}

/* CRC-32 of a range of the blob; *read tells whether it could be read. */
static uint32_t checksum(uint32_t offset, uint32_t end, int *read) {
  uint8_t buffer[64];
  uint32_t crc = CRC32_START;
  *read = 1;
  while (offset < end && *read) {
    const uint32_t bytes = end - offset < sizeof buffer ? end - offset : sizeof buffer;
    board_feed_watchdog();
    *read = board_weights_read(buffer, offset, bytes) == 0;
    crc = crc32_add(crc, buffer, bytes);
    offset += bytes;
  }
  return ~crc;
}

static int is_filled(const uint8_t *bytes, uint32_t count, uint8_t value) {
  while (count > 0 && bytes[count - 1] == value) count--;
  return count == 0;
}

/* The header, and what can be told from it alone. */
static int read_header(uint8_t header[HEADER_BYTES], uint32_t room) {
  if (room < HEADER_BYTES) return TERN_NO_BLOB;
  if (board_weights_read(header, 0, HEADER_BYTES)) return TERN_READ_FAILED;
  if (is_filled(header, HEADER_BYTES, 0) || is_filled(header, HEADER_BYTES, 255)) return TERN_NO_BLOB;
  const uint32_t total = load32(header + HEADER_TOTAL_BYTES);
  const uint32_t bytes = load32(header + HEADER_HEAD_BYTES);
  const int fits = total <= room && bytes <= total && bytes >= HEADER_BYTES && bytes % 16 == 0;
  return load32(header + HEADER_MAGIC) == BLOB_MAGIC && fits ? TERN_OK : TERN_BAD_BLOB;
}

int tern_check_blob(uint32_t room) {
  uint8_t header[HEADER_BYTES] ALIGNED;
  const int status = read_header(header, room);
  if (status) return status;
  int read;
  const uint32_t crc = checksum(8, load32(header + HEADER_TOTAL_BYTES), &read);
  if (!read) return TERN_READ_FAILED;
  return crc == load32(header + HEADER_CRC) ? TERN_OK : TERN_BAD_BLOB;
}

/* A fresh instance in the planned bytes, with the head where it belongs. */
static int start_module(uint8_t *memory, uint32_t head_bytes) {
  const enum runtime_trap trap = runtime_start(memory, planned - runtime_extra_bytes);
  if (trap) return trapped(trap);
  head = runtime_memory() + head_at;
  return board_weights_read(head, 0, head_bytes) ? TERN_READ_FAILED : TERN_OK;
}

/* Sets `planned`; whether it is no more than `bytes`. */
static int plan(uint64_t all, uint32_t bytes) {
  planned = all > UINT32_MAX ? UINT32_MAX : (uint32_t)all;
  return planned <= bytes;
}

int tern_plan(uint8_t *memory, uint32_t bytes, uint32_t rows) {
  uint8_t header[HEADER_BYTES] ALIGNED;
  open_rows = 0;
  planned = 0;
  const int status = read_header(header, UINT32_MAX);
  if (status) return status;
  const uint32_t head_bytes = load32(header + HEADER_HEAD_BYTES);
  head_at = (runtime_own_bytes() + 15) & ~15u;
  const uint64_t least = (uint64_t)head_at + head_bytes + runtime_extra_bytes;
  if (!plan(least, bytes)) return TERN_OUT_OF_MEMORY;
  const int started = start_module(memory, head_bytes);
  if (started) return started;

  const uint32_t arguments[] = {head_at, head_bytes, rows};
  int32_t scratch;
  const enum runtime_trap trap = runtime_call(RUNTIME_PLAN, arguments, &scratch);
  if (trap) return trapped(trap);
  if (scratch < 0) return -scratch;
  const uint64_t arena = load32(head + HEADER_ARENA_FIXED) + (uint64_t)load32(head + HEADER_ARENA_PER_ROW) * rows;
  return plan(least + arena + (uint32_t)scratch, bytes) ? TERN_OK : TERN_OUT_OF_MEMORY;
}

uint32_t tern_planned(void) { return planned; }

int tern_open(uint8_t *memory, uint32_t bytes, uint32_t rows) {
  int status = tern_plan(memory, bytes, rows);
  if (status) return status;
  const uint32_t head_bytes = load32(head + HEADER_HEAD_BYTES);
  status = start_module(memory, head_bytes);
  if (status) return status;

  const uint32_t work = head_at + head_bytes;
  const uint32_t arguments[] = {head_at, head_bytes, work, planned - runtime_extra_bytes - work, 0, rows};
  int32_t result;
  const enum runtime_trap trap = runtime_call(RUNTIME_OPEN, arguments, &result);
  if (trap) return trapped(trap);
  if (result == TERN_OK) open_rows = rows;
  return result;
}

static const uint8_t *tensor_record(uint32_t tensor) {
  return head + HEADER_BYTES + PART_BYTES * load16(head + HEADER_PART_COUNT) + TENSOR_BYTES * tensor;
}

static const uint8_t *ports(void) {
  return tensor_record(load16(head + HEADER_TENSOR_COUNT)) + OP_BYTES * load16(head + HEADER_OP_COUNT);
}

static int has_tensor(uint32_t tensor) { return open_rows && tensor < load16(head + HEADER_TENSOR_COUNT); }

uint8_t *tern_tensor(uint32_t tensor, uint32_t rows) {
  if (!has_tensor(tensor) || rows - 1 >= open_rows) return 0;
  const uint8_t *record = tensor_record(tensor);
  const uint32_t at = load32(record + TENSOR_FIXED) + load32(record + TENSOR_PER_ROW) * rows;
  return head + load32(head + HEADER_HEAD_BYTES) + at;
}

/* Of a row. A blob that does not ask for pictures has vectors alone: then a module has looked at no height and width. */
static uint32_t positions(const uint8_t *record) {
  if (!(load32(head + HEADER_DTYPES) & DTYPES_PICTURES)) return 1;
  return load16(record + TENSOR_HEIGHT) * load16(record + TENSOR_WIDTH);
}

/* Without padding, at most 2^26; a dtype's half is log2 of an element's bits, which fill whole words. */
static uint32_t element_bytes(uint32_t tensor) {
  const uint8_t *record = tensor_record(tensor);
  const uint32_t bits = load32(record + TENSOR_CHANNELS) << (record[TENSOR_DTYPE] >> 1);
  return positions(record) * (record[TENSOR_DTYPE] == DTYPE_BIT ? (bits + 31) / 32 * 4 : bits / 8);
}

uint32_t tern_row_bytes(uint32_t tensor) { return has_tensor(tensor) ? (element_bytes(tensor) + 15) & ~15u : 0; }

/* The tensor of an input or output; one that no model has where there is none. */
static uint32_t input_tensor(uint32_t index) {
  return open_rows && index < head[HEADER_INPUT_COUNT] ? load16(ports() + 2 * index) : UINT32_MAX;
}

static uint32_t output_tensor(uint32_t index) {
  if (!open_rows || index >= head[HEADER_OUTPUT_COUNT]) return UINT32_MAX;
  return load16(ports() + 2 * (head[HEADER_INPUT_COUNT] + index));
}

uint8_t *tern_input(uint32_t index, uint32_t rows) { return tern_tensor(input_tensor(index), rows); }
uint8_t *tern_output(uint32_t index, uint32_t rows) { return tern_tensor(output_tensor(index), rows); }

static uint32_t bytes_of(uint32_t tensor) { return has_tensor(tensor) ? element_bytes(tensor) : 0; }
uint32_t tern_input_bytes(uint32_t index) { return bytes_of(input_tensor(index)); }
uint32_t tern_output_bytes(uint32_t index) { return bytes_of(output_tensor(index)); }

int tern_invoke(uint32_t first, uint32_t end, uint32_t rows) {
  if (!open_rows) return TERN_NOT_OPEN;
  const uint32_t arguments[] = {first, end, rows};
  int32_t result;
  const enum runtime_trap trap = runtime_call(RUNTIME_INVOKE, arguments, &result);
  return trap ? trapped(trap) : result;
}

int tern_run(uint32_t rows) {
  if (!open_rows) return TERN_NOT_OPEN;
  if (rows - 1 >= open_rows) return TERN_BAD_ROWS; /* also 0 rows */
  const uint32_t ops = load16(head + HEADER_OP_COUNT);
  int status = TERN_OK;
  for (uint32_t op = 0; op < ops && status == TERN_OK; op++) {
    board_feed_watchdog();
    status = tern_invoke(op, op + 1, rows);
  }
  return status;
}

void tern_close(void) { open_rows = 0; }

int tern_reset(void) {
  if (!open_rows) return TERN_NOT_OPEN;
  const uint32_t position = 0;
  int32_t result;
  const enum runtime_trap trap = runtime_call(RUNTIME_RESET, &position, &result);
  return trap ? trapped(trap) : result;
}

/* The record of the self-test; 0: there is none. */
static const uint8_t *self_test_part(void) {
  const uint8_t *part = head + HEADER_BYTES;
  for (uint32_t left = load16(head + HEADER_PART_COUNT); left > 0; left--, part += PART_BYTES) {
    if (load16(part + PART_KIND) == SELF_TEST_PART) return part;
  }
  return 0;
}

/* Bytes of one row of each of `count` tensors: at most 255 of at most 2^22 bytes. */
static uint32_t rows_bytes(const uint8_t *tensors, uint32_t count) {
  uint32_t bytes = 0;
  for (; count > 0; count--, tensors += 2) bytes += element_bytes(load16(tensors));
  return bytes;
}

/* Copies one row of each of `count` tensors from the blob (inputs), or compares it with the blob (outputs). *same:
   whether it was equal. */
static int each_row(const uint8_t *tensors, uint32_t count, uint32_t offset, int compare, int *same) {
  for (; count > 0; count--, tensors += 2) {
    uint8_t *row = tern_tensor(load16(tensors), 1);
    const uint32_t end = offset + element_bytes(load16(tensors));
    while (offset < end) {
      uint8_t buffer[16];
      const uint32_t bytes = end - offset < sizeof buffer ? end - offset : sizeof buffer;
      if (board_weights_read(buffer, offset, bytes)) return TERN_READ_FAILED;
      if (!compare) memcpy(row, buffer, bytes);
      for (uint32_t i = 0; i < bytes; i++) *same &= row[i] == buffer[i];
      row += bytes;
      offset += bytes;
    }
  }
  return TERN_OK;
}

int tern_self_test(uint32_t *pairs, uint32_t *wrong) {
  *pairs = *wrong = 0;
  if (!open_rows) return TERN_NOT_OPEN;
  const uint8_t *part = self_test_part();
  if (!part) return TERN_OK;
  /* `open` has not looked at this part: neither at where it lies nor at what it says. */
  const uint32_t at = load32(part + PART_OFFSET), part_bytes = load32(part + PART_SIZE);
  const uint32_t total = load32(head + HEADER_TOTAL_BYTES);
  uint8_t header[SELF_TEST_HEADER_BYTES] ALIGNED;
  if (at > total || part_bytes > total - at || part_bytes < sizeof header) return TERN_BAD_BLOB;
  if (board_weights_read(header, at, sizeof header)) return TERN_READ_FAILED;
  const uint8_t *in = ports(), *out = in + 2 * head[HEADER_INPUT_COUNT];
  const uint32_t in_count = head[HEADER_INPUT_COUNT], out_count = head[HEADER_OUTPUT_COUNT];
  const uint32_t in_bytes = rows_bytes(in, in_count), out_bytes = rows_bytes(out, out_count);
  const uint32_t count = load32(header);
  const uint64_t bytes = sizeof header + (uint64_t)count * (in_bytes + out_bytes);
  if (load32(header + 4) != in_bytes || load32(header + 8) != out_bytes || bytes != part_bytes) return TERN_BAD_BLOB;
  for (uint32_t offset = at + sizeof header; *pairs < count; offset += in_bytes + out_bytes) {
    int same = 1;
    int status = each_row(in, in_count, offset, 0, &same);
    if (!status) status = tern_run(1);
    if (!status) status = each_row(out, out_count, offset + in_bytes, 1, &same);
    if (status) return status;
    *pairs += 1;
    *wrong += !same;
  }
  return TERN_OK;
}

const char *tern_status_text(int status) {
  static const char *const module[] = {
      "ok",       "not a blob", "other version", "bad size", "bad checksum", "bad head", "bad part",   "bad tensor",
      "bad op",   "unsupported", "bad rows",     "bad memory", "not open",   "bad range", "read failed",
  };
  static const char *const library[] = {"no blob in flash", "damaged blob in flash", "out of memory", "no such tensor"};
  static const char *const traps[] = {"", "out of bounds", "unreachable", "stack overflow", "module refused", "trap"};
  if (status >= 0 && status <= TERN_READ_FAILED) return module[status];
  if (status >= TERN_NO_BLOB && status <= TERN_BAD_TENSOR) return library[status - TERN_NO_BLOB];
  if (status > TERN_TRAP && status <= TERN_TRAP + (int)TRAP_OTHER) return traps[status - TERN_TRAP];
  return "unknown status";
}
