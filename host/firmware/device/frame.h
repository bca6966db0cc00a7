/* Frames over the UART: PROTOCOL.md. */
#ifndef FRAME_H
#define FRAME_H
#include <stdint.h>

enum { FRAME_MAGIC_0 = 0xd7, FRAME_MAGIC_1 = 0x54 };
enum { FRAME_HEADER_BYTES = 8, FRAME_CRC_BYTES = 4, FRAME_PAYLOAD_BYTES = 256 };
enum { FRAME_REPLY = 0x80 }; /* set in the type of a reply */

struct frame {
  uint8_t type;
  uint8_t status;
  uint16_t sequence;
  uint16_t bytes;
  const uint8_t *payload;
  uint32_t crc;
};

/* Waits for the next whole frame, whose length and checksum are right, and which is valid until the next call. What is no
   frame is skipped, and answered where it began like one. Relies on no byte that comes in. */
struct frame frame_receive(void);

/* Sends a frame. The caller has `bytes` bytes at `payload`, at most FRAME_PAYLOAD_BYTES: device.c's answers are of fixed
   size, and it compares what `read` wants. */
void frame_send(uint8_t type, uint8_t status, uint16_t sequence, const uint8_t *payload, uint16_t bytes);

#endif
