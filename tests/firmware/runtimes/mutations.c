/*
 * Changes a few bits of the module, MUTATIONS times, and runs a model on whatever the runtime takes; on a host, with sanitizers. A module may be refused, trap,
 * run or run on and on; it must not read or write what is not its own. Prints how many of each there were.
 */
#define _POSIX_C_SOURCE 200809L
#include "module.h"
#include "runtime.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

extern const uint8_t blob_begin[], blob_end[];

int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) {
  const size_t blob_bytes = (size_t)(blob_end - blob_begin);
  if (offset > blob_bytes || bytes > blob_bytes - offset) return 1;
  memcpy(to, blob_begin + offset, bytes);
  return 0;
}

static sigjmp_buf too_long;
static void stop(int signal) { siglongjmp(too_long, signal); }

static void limit(long microseconds) {
  const struct itimerval time = {.it_value = {.tv_usec = microseconds}};
  setitimer(ITIMER_REAL, &time, 0);
}

#define WORK_AT (BLOB_AT + HEAD_BYTES)

static enum runtime_trap run(void) {
  const uint32_t plan[] = {BLOB_AT, HEAD_BYTES, 1}, invoke[] = {0, OPS, 1};
  const uint32_t open[] = {BLOB_AT, HEAD_BYTES, WORK_AT, MEMORY_BYTES - WORK_AT, 0, 1};
  int32_t result;
  memcpy(runtime_memory() + BLOB_AT, blob_begin, HEAD_BYTES);
  enum runtime_trap trap = runtime_call(RUNTIME_PLAN, plan, &result);
  if (!trap) trap = runtime_call(RUNTIME_OPEN, open, &result);
  return trap ? trap : runtime_call(RUNTIME_INVOKE, invoke, &result);
}

int main(void) {
  static uint8_t original[1 << 16], given[32 + MEMORY_BYTES] __attribute__((aligned(16)));
  uint8_t *module = (uint8_t *)module_begin; /* which lies in .data here */
  const size_t bytes = (size_t)(module_end - module_begin);
  volatile unsigned refused = 0, trapped = 0, ran = 0, endless = 0;
  volatile uint32_t random = 1;
  memcpy(original, module, bytes);
  sigaction(SIGALRM, &(struct sigaction){.sa_handler = stop}, 0);
  for (volatile int i = 0; i < MUTATIONS; i++) {
    memcpy(module, original, bytes);
    for (int change = i % 3; change >= 0; change--) {
      random = random * 1664525 + 1013904223;
      module[(random >> 8) % bytes] ^= (uint8_t)(1 << (random >> 5 & 7));
    }
    if (runtime_start(given, MEMORY_BYTES)) {
      refused++;
    } else if (sigsetjmp(too_long, 1)) {
      endless++;
    } else {
      limit(50000);
      const enum runtime_trap trap = run();
      limit(0);
      *(trap ? &trapped : &ran) += 1;
    }
  }
  printf("refused %u, trapped %u, ran %u, endless %u\n", refused, trapped, ran, endless);
  return 0;
}
