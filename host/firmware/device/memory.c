/* memcpy and memset in few bytes: those of newlib take half a kilobyte. As in C, the caller proves that both places have the bytes and do not overlap. */
#include "arch.h"
#include <stddef.h>

#pragma GCC optimize("no-tree-loop-distribute-patterns") /* which would make these loops calls of themselves */

void *memcpy(void *restrict to, const void *restrict from, size_t bytes) {
  size_t done = (((uintptr_t)to | (uintptr_t)from) & 3) == 0 ? bytes & ~(size_t)15 : 0;
  arch_copy(to, from, done);
  for (; done < bytes; done++) ((uint8_t *)to)[done] = ((const uint8_t *)from)[done];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  uint8_t *at = to;
  if (((uintptr_t)at & 3) == 0) {
    for (; bytes >= 4; bytes -= 4, at += 4) *(uint32_t *)at = (uint8_t)value * 0x01010101u;
  }
  for (; bytes > 0; bytes--) *at++ = (uint8_t)value;
  return to;
}
