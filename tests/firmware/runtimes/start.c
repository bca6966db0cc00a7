/* The least that a program on an emulated Cortex-M board needs: vectors, data and bss, a console by semihosting, an exit code. */
#include "print.h"

extern uint32_t _stack_top[], _data_from[], _data[], _data_end[], _bss[], _bss_end[];
int main(void);

static uint32_t semihost(uint32_t call, const void *block) {
  register uint32_t r0 __asm__("r0") = call;
  register const void *r1 __asm__("r1") = block;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void print(const char *text) { semihost(4, text); }

void print_number(const char *name, uint32_t x) {
  char digits[11], *at = digits + 10;
  *at = 0;
  do *--at = (char)('0' + x % 10);
  while (x /= 10);
  print(name);
  print(" ");
  print(at);
  print("\n");
}

void print_hex(const uint8_t *data, uint32_t bytes) {
  char text[3] = "00";
  for (uint32_t i = 0; i < bytes; i++) {
    text[0] = "0123456789abcdef"[data[i] >> 4];
    text[1] = "0123456789abcdef"[data[i] & 15];
    print(text);
  }
  print("\n");
}

static void quit(uint32_t code) {
  const uint32_t block[2] = {0x20026, code};
  semihost(0x20, block);
  for (;;) {}
}

static void fault(void) {
  print("fault\n");
  quit(99);
}

#define UNUSED 0x5afe57acu
static const uint32_t *deepest(void) {
  const uint32_t *at = _bss_end;
  while (*at == UNUSED) at++;
  return at;
}

static void start(void) {
#ifdef __ARM_FP
  *(volatile uint32_t *)0xe000ed88 |= 0xf << 20; /* the FPU, before anything uses it */
#endif
  const uint32_t *from = _data_from;
  for (uint32_t *to = _data; to < _data_end;) *to++ = *from++;
  for (uint32_t *to = _bss; to < _bss_end;) *to++ = 0;
  for (uint32_t *to = _bss_end; to < (uint32_t *)__builtin_frame_address(0) - 16;) *to++ = UNUSED;
  const int code = main();
  print_number("stack", (uint32_t)((const uint8_t *)_stack_top - (const uint8_t *)deepest()));
  quit((uint32_t)code);
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    _stack_top, start, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault};
