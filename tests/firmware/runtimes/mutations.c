/*
 * Changes a few bytes of the module, MUTATIONS times, and runs whatever the runtime takes; on a host, with sanitizers. A module may be refused, trap,
 * run or run on and on; it must not read or write what is not its own. Prints how many of each there were.
 */
#define _POSIX_C_SOURCE 200809L
#include "../../../host/firmware/runtimes/module.h"
#include "../../../host/firmware/runtimes/runtime.h"
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

int32_t board_weights_read(uint8_t *to, uint32_t offset, uint32_t bytes) { return memset(to, (int)offset, bytes) != to; }

static sigjmp_buf too_long;
static void stop(int signal) { siglongjmp(too_long, signal); }

static void limit(long microseconds) {
  const struct itimerval time = {.it_value = {.tv_usec = microseconds}};
  setitimer(ITIMER_REAL, &time, 0);
}

static enum runtime_trap run(void) {
  for (uint32_t i = 0; i < RUNTIME_MEMORY_BYTES; i++) runtime_memory()[i] = (uint8_t)(i * i);
  const uint32_t arguments[5] = {16, 64, 80, RUNTIME_MEMORY_BYTES - 80, 1};
  for (enum runtime_export export = RUNTIME_ABI_VERSION; export <= RUNTIME_RESET; export++) {
    int32_t result;
    const enum runtime_trap trap = runtime_call(export, arguments, &result);
    if (trap) return trap;
  }
  return TRAP_NONE;
}

int main(void) {
  static uint8_t original[1 << 16];
  uint8_t *module = (uint8_t *)module_begin; /* which lies in .data here */
  const size_t bytes = (size_t)(module_end - module_begin);
  volatile unsigned refused = 0, trapped = 0, ran = 0, endless = 0;
  volatile uint32_t random = 1;
  memcpy(original, module, bytes);
  signal(SIGALRM, stop);
  for (volatile int i = 0; i < MUTATIONS; i++) {
    memcpy(module, original, bytes);
    for (int change = i % 3; change >= 0; change--) {
      random = random * 1664525 + 1013904223;
      module[(random >> 8) % bytes] ^= (uint8_t)(1 << (random >> 5 & 7));
    }
    if (runtime_start(0, RUNTIME_MEMORY_BYTES)) {
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
