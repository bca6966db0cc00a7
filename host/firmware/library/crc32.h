/* CRC-32 of zlib, PNG and Ethernet. */
#ifndef CRC32_H
#define CRC32_H
#include <stdint.h>

#define CRC32_START 0xffffffffu

/* Takes up `bytes` more bytes; ~ of the last is the checksum. */
uint32_t crc32_add(uint32_t crc, const uint8_t *data, uint32_t bytes);

#endif
