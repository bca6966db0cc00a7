/* Offsets of host/blob/FORMAT.md: those that the library reads. The module proves all others. */
#ifndef BLOB_H
#define BLOB_H

#define BLOB_MAGIC 0x4e524554u /* "TERN" */

enum { HEADER_BYTES = 80, PART_BYTES = 16, TENSOR_BYTES = 24, OP_BYTES = 52 };
enum header_field {
  HEADER_MAGIC = 0,
  HEADER_CRC = 4, /* of bytes 8 ... totalBytes */
  HEADER_TOTAL_BYTES = 12,
  HEADER_MODEL_ID = 16,
  HEADER_MODEL_VERSION = 24,
  HEADER_HEAD_BYTES = 28,
  HEADER_PART_COUNT = 36,
  HEADER_TENSOR_COUNT = 38,
  HEADER_OP_COUNT = 40,
  HEADER_INPUT_COUNT = 42,
  HEADER_OUTPUT_COUNT = 43,
  HEADER_ARENA_FIXED = 48,
  HEADER_ARENA_PER_ROW = 52,
  HEADER_DTYPES = 68,
};
enum part_field { PART_KIND = 0, PART_OFFSET = 4, PART_SIZE = 8 };
enum { SELF_TEST_PART = 3, SELF_TEST_HEADER_BYTES = 16 };
enum tensor_field { TENSOR_DTYPE = 0, TENSOR_HEIGHT = 4, TENSOR_WIDTH = 6, TENSOR_CHANNELS = 8, TENSOR_FIXED = 12, TENSOR_PER_ROW = 16 };
enum { DTYPE_BIT = 0, DTYPES_PICTURES = 1 << 30 };

#endif
