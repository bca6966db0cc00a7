/*
 * Frames over the UART: PROTOCOL.md. After a frame that is broken, its bytes are searched for the next one, so that
 * noise before a good frame costs nothing but itself.
 */
#include "frame.h"
#include "crc32.h"
#include "device.h"
#include "uart.h"

/* Payloads begin at a multiple of 4. */
static uint8_t buffer[FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES + FRAME_CRC_BYTES] __attribute__((aligned(4)));
static uint32_t have; /* bytes received that are not worked off */
static uint32_t done; /* of these, the frame that was returned last */

static uint16_t load16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }
static uint32_t load32(const uint8_t *at) { return load16(at) | (uint32_t)load16(at + 2) << 16; }

static void drop(uint32_t count) {
  if (count == 0) return; /* at nearly every byte: to move all there are would take longer than the next byte */
  for (uint32_t i = count; i < have; i++) buffer[i - count] = buffer[i];
  have -= count;
}

/* Bytes that cannot begin a frame. */
static uint32_t noise(void) {
  uint32_t at = 0;
  while (at < have && !(buffer[at] == FRAME_MAGIC_0 && (at + 1 == have || buffer[at + 1] == FRAME_MAGIC_1))) at++;
  return at;
}

static void refuse(void) {
  frame_send(buffer[2] | FRAME_REPLY, DEVICE_BAD_FRAME, load16(buffer + 4), 0, 0);
  drop(1);
}

struct frame frame_receive(void) {
  drop(done);
  done = 0;
  for (;; have += 1) {
    for (;;) {
      drop(noise());
      if (have < FRAME_HEADER_BYTES) break;
      const uint16_t bytes = load16(buffer + 6);
      const uint32_t end = FRAME_HEADER_BYTES + (uint32_t)bytes;
      if (bytes > FRAME_PAYLOAD_BYTES) {
        refuse();
      } else if (have < end + FRAME_CRC_BYTES) {
        break;
      } else if (~crc32_add(CRC32_START, buffer, end) != load32(buffer + end)) {
        refuse();
      } else {
        done = end + FRAME_CRC_BYTES;
        return (struct frame){buffer[2],           buffer[3], load16(buffer + 4), bytes,
                              buffer + FRAME_HEADER_BYTES, load32(buffer + end)};
      }
    }
    buffer[have] = uart_wait();
  }
}

static uint32_t send(uint32_t crc, const uint8_t *data, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; i++) uart_put(data[i]);
  return crc32_add(crc, data, bytes);
}

void frame_send(uint8_t type, uint8_t status, uint16_t sequence, const uint8_t *payload, uint16_t bytes) {
  const uint8_t header[FRAME_HEADER_BYTES] = {
      FRAME_MAGIC_0,     FRAME_MAGIC_1,           type,           status,
      (uint8_t)sequence, (uint8_t)(sequence >> 8), (uint8_t)bytes, (uint8_t)(bytes >> 8),
  };
  const uint32_t crc = ~send(send(CRC32_START, header, sizeof header), payload, bytes);
  const uint8_t end[FRAME_CRC_BYTES] = {(uint8_t)crc, (uint8_t)(crc >> 8), (uint8_t)(crc >> 16), (uint8_t)(crc >> 24)};
  send(0, end, sizeof end);
}
