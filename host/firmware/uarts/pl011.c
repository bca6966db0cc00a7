/* Arm's PL011 (Stellaris; RP2040). */
#include "board.h"
#include "uart.h"

static volatile struct {
  uint32_t data, status, reserved[4], flags, reserved_1, low_power, integer_divisor, fraction_divisor, line, control;
  uint32_t fifo_level, interrupt_mask, raw_interrupt, masked_interrupt, interrupt_clear;
} *const uart = (void *)UART_ADDRESS;

enum { FLAGS_RX_EMPTY = 1 << 4, FLAGS_TX_FULL = 1 << 5 };
enum { LINE_FIFO = 1 << 4, LINE_8_BITS = 3 << 5 };
enum { CONTROL_ON = 1, CONTROL_TX = 1 << 8, CONTROL_RX = 1 << 9 };
enum { INTERRUPT_RX = 1 << 4, INTERRUPT_RX_TIMEOUT = 1 << 6 };

void uart_start(void) {
  const uint32_t divisor = (4 * (uint32_t)UART_CLOCK + UART_BAUD / 2) / UART_BAUD; /* 64ths of clock / (16 baud) */
  uart->integer_divisor = divisor >> 6;
  uart->fraction_divisor = divisor & 63;
  uart->line = LINE_8_BITS | LINE_FIFO;
  uart->control = CONTROL_ON | CONTROL_TX | CONTROL_RX;
  uart->interrupt_mask = INTERRUPT_RX | INTERRUPT_RX_TIMEOUT;
}

int uart_get(void) { return uart->flags & FLAGS_RX_EMPTY ? -1 : (int)(uart->data & 255); }

void uart_put(uint8_t byte) {
  while (uart->flags & FLAGS_TX_FULL) {
  }
  uart->data = byte;
}
