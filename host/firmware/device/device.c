/* The command loop: one request, one reply. It runs the library on the blob that lies in the board's flash. */
#include "device.h"
#include "arch.h"
#include "blob.h"
#include "board.h"
#include "frame.h"
#include "runtime.h"
#include "tern.h"
#include "uart.h"
#include <string.h>

#ifdef SLOTS
#include "slots.h"
#define BLOB slots_blob()
#define BLOB_ROOM slots_room()
#define ANSWER_BYTES 192
#else
#define BLOB ((const uint8_t *)BLOB_ADDRESS)
#define BLOB_ROOM BLOB_BYTES
#define ANSWER_BYTES 96
#endif
#define PROTOCOL_VERSION 1

/* What was replied last, for a request that comes twice: of it, the checksum. */
static struct {
  uint32_t request_crc;
  uint8_t status;
  uint16_t bytes;
  const uint8_t *payload;
} last;
static uint8_t request_type;
static uint16_t request_sequence;
static int is_busy; /* with a request: a fault belongs to it */

/* Of numbers, and of texts that are multiples of 4; rows are sent from where they lie. */
static uint8_t answer[ANSWER_BYTES] __attribute__((aligned(4)));
static uint32_t answer_bytes;

/* Numbers of a payload or a header: each lies at a multiple of 4. */
static uint32_t load32(const uint8_t *at) {
  uint32_t number;
  __builtin_memcpy(&number, __builtin_assume_aligned(at, sizeof number), sizeof number);
  return number;
}

static void say(uint32_t number) {
  __builtin_memcpy(__builtin_assume_aligned(answer + answer_bytes, sizeof number), &number, sizeof number);
  answer_bytes += sizeof number;
}

static void say_text(const char *text, uint32_t bytes) {
  for (; bytes > 0; bytes--) answer[answer_bytes++] = (uint8_t)(*text ? *text++ : 0);
}

int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) {
  if (offset > BLOB_ROOM || bytes > BLOB_ROOM - offset) return 1;
  memcpy(to, BLOB + offset, bytes);
  return 0;
}

static uint8_t *memory(void) { return pool_start; }
static uint32_t memory_bytes(void) { return (uint32_t)(pool_end - pool_start); }

static int info(void) {
  const int blob = tern_check_blob(BLOB_ROOM);
  const int readable = blob == TERN_OK;
  say(PROTOCOL_VERSION);
  say(FRAME_PAYLOAD_BYTES);
  say(MODULE_BYTES);
  say(MODULE_CRC);
  say(memory_bytes());
  say(STACK_BYTES);
  say(arch_stack_used());
  say(BLOB_ROOM);
  say((uint32_t)blob);
  say(readable ? load32(BLOB + HEADER_TOTAL_BYTES) : 0);
  say(readable ? load32(BLOB + HEADER_CRC) : 0);
  say_text(BOARD_NAME, 16);
  say_text(RUNTIME_NAME, 16);
  return TERN_OK;
}

static int open_model(const uint8_t *a) {
  const int blob = tern_check_blob(BLOB_ROOM);
  const int status = blob ? blob : tern_open(memory(), memory_bytes(), load32(a));
  say(tern_planned());
  say(memory_bytes());
  return status;
}

/* The bytes of a tensor that a request names: tensor, rows, first byte. 0: it has no such bytes. */
static uint8_t *find(const uint8_t *a, uint32_t bytes) {
  const uint32_t tensor = load32(a), rows = load32(a + 4), at = load32(a + 8);
  uint8_t *first = tern_tensor(tensor, rows);
  const uint32_t size = first ? tern_row_bytes(tensor) * rows : 0;
  return at <= size && bytes <= size - at && first ? first + at : 0;
}

static int write(const uint8_t *a, uint32_t bytes) {
  uint8_t *to = find(a, bytes - 12);
  if (!to) return TERN_BAD_TENSOR;
  memcpy(to, a + 12, bytes - 12);
  return TERN_OK;
}

static int self_test(void) {
  uint32_t pairs, wrong;
  const int status = tern_self_test(&pairs, &wrong);
  say(pairs);
  say(wrong);
  return status;
}

#ifdef SLOTS
static void say_slots(void) {
  static const uint32_t features[] = {MODULE_FEATURES};
  const uint32_t slots = slots_count();
  say(slots);
  say((uint32_t)slots_active());
  say(slots_counter());
  say(SLOTS_UNIT_BYTES);
  say(MODULE_ABI);
  for (uint32_t i = 0; i < 4; i++) say(features[i]);
  for (uint32_t slot = 0; slot < slots; slot++) {
    const uint8_t *header;
    say(slots_state(slot, &header));
    say(slots_sector_bytes(slot));
    say(slots_body_bytes(slot));
    memcpy(answer + answer_bytes, header, SLOTS_HEADER_BYTES);
    answer_bytes += SLOTS_HEADER_BYTES;
  }
}

static int answer_active(int status) {
  say((uint32_t)slots_active());
  return status;
}

static int checksum_of(const uint8_t *a) {
  uint32_t crc;
  const int status = slots_checksum(load32(a), load32(a + 4), &crc);
  say(crc);
  return status;
}

/* The commands of a firmware with slots, but `dump`. */
static int execute_slots(uint8_t type, const uint8_t *a, uint32_t bytes) {
  switch (type) {
  case DEVICE_SLOTS:
    if (bytes == 0) return say_slots(), TERN_OK;
    break;
  case DEVICE_BEGIN:
    if (bytes == 4 + SLOTS_STATEMENT_BYTES) return slots_begin(load32(a), a + 4);
    break;
  case DEVICE_BLOCK:
    if (bytes >= 4) return slots_block(load32(a), a + 4, bytes - 4);
    break;
  case DEVICE_CHECKSUM:
    if (bytes == 8) return checksum_of(a);
    break;
  case DEVICE_FINISH:
    if (bytes == 0) return slots_finish();
    break;
  case DEVICE_TRY:
    if (bytes == 0) return answer_active(slots_try());
    break;
  case DEVICE_CONFIRM:
    if (bytes == 0) return slots_confirm();
    break;
  case DEVICE_REVERT:
    if (bytes == 0) return answer_active(slots_revert());
    break;
  }
  return DEVICE_BAD_REQUEST;
}
#endif

static void reply(int status, const uint8_t *payload, uint32_t bytes) {
  if (arch_stack_overran() && status != DEVICE_FAULT) {
    device_fault(0, DEVICE_STACK_OVERRUN);
    tern_close();
    status = DEVICE_FAULT;
    payload = answer;
    bytes = answer_bytes;
  }
  last.status = (uint8_t)status;
  last.payload = payload;
  last.bytes = (uint16_t)bytes;
  is_busy = 0;
  frame_send(request_type | FRAME_REPLY, last.status, request_sequence, payload, last.bytes);
}

static void execute(const struct frame *request) {
  const uint8_t *a = request->payload;
  const uint32_t bytes = request->bytes;
  answer_bytes = 0;
  int status = DEVICE_BAD_REQUEST;
  switch (request->type) {
  case DEVICE_INFO:
    if (bytes == 0) status = info();
    break;
  case DEVICE_OPEN:
    if (bytes == 4) status = open_model(a);
    break;
  case DEVICE_WRITE:
    if (bytes >= 12) status = write(a, bytes);
    break;
  case DEVICE_INVOKE:
    if (bytes == 12) status = tern_invoke(load32(a), load32(a + 4), load32(a + 8));
    break;
  case DEVICE_READ:
    if (bytes == 16 && load32(a + 12) <= FRAME_PAYLOAD_BYTES) {
      const uint8_t *from = find(a, load32(a + 12));
      reply(from ? TERN_OK : TERN_BAD_TENSOR, from, from ? load32(a + 12) : 0);
      return;
    }
    break;
  case DEVICE_SELF_TEST:
    if (bytes == 0) status = self_test();
    break;
#ifdef SLOTS
  case DEVICE_DUMP:
    if (bytes == 12 && load32(a + 8) <= FRAME_PAYLOAD_BYTES) {
      const uint8_t *from = slots_bytes(load32(a), load32(a + 4), load32(a + 8));
      if (from) return reply(TERN_OK, from, load32(a + 8));
    }
    break;
  default:
    status = execute_slots(request->type, a, bytes);
    break;
#endif
#ifdef TERN_BREAK
  case DEVICE_BREAK:
    if (bytes == 4) arch_break(load32(a));
    break;
#endif
  }
  reply(status, answer, answer_bytes);
}

static void serve(void) {
  for (;;) {
    const struct frame request = frame_receive();
    if (request.type & FRAME_REPLY) continue; /* an echo */
    const int again = request.crc == last.request_crc && request.sequence == request_sequence;
    request_type = request.type;
    request_sequence = request.sequence;
    if (again) {
      frame_send(request_type | FRAME_REPLY, last.status, request_sequence, last.payload, last.bytes);
    } else {
      last.request_crc = request.crc;
      is_busy = 1;
      execute(&request);
    }
  }
}

void device_run(void) {
  uart_start();
  frame_send(FRAME_REPLY, TERN_OK, 0, 0, 0); /* ready */
#ifdef SLOTS
  slots_start(memory(), memory_bytes());
#endif
  serve();
}

void device_fault(uint32_t at, uint32_t cause) {
  answer_bytes = 0;
  say(at);
  say(cause);
}

void device_resume(void) {
  tern_close();
  if (is_busy) reply(DEVICE_FAULT, answer, answer_bytes);
  serve();
}
