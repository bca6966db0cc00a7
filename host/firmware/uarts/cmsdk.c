/* The UART of Arm's CMSDK (MPS2 boards). */
#include "board.h"
#include "uart.h"

static volatile struct {
  uint32_t data, state, control, interrupt, divider;
} *const uart = (void *)UART_ADDRESS;

enum { STATE_TX_FULL = 1, STATE_RX_FULL = 2 };
enum { CONTROL_TX = 1, CONTROL_RX = 2, CONTROL_RX_INTERRUPT = 8 };
enum { INTERRUPT_RX = 2 };

void uart_start(void) {
  uart->divider = UART_CLOCK / UART_BAUD;
  uart->control = CONTROL_TX | CONTROL_RX | CONTROL_RX_INTERRUPT;
}

int uart_get(void) {
  uart->interrupt = INTERRUPT_RX;
  return uart->state & STATE_RX_FULL ? (int)(uart->data & 255) : -1;
}

void uart_put(uint8_t byte) {
  while (uart->state & STATE_TX_FULL) {
  }
  uart->data = byte;
}
