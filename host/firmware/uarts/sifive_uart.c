/* The UART of SiFive's FE310. */
#include "board.h"
#include "uart.h"

static volatile struct {
  uint32_t tx, rx, tx_control, rx_control, interrupts, pending, divider;
} *const uart = (void *)UART_ADDRESS;

enum { TX_FULL = 1u << 31, RX_EMPTY = 1u << 31, CONTROL_ON = 1, INTERRUPT_RX = 2 };

void uart_start(void) {
  uart->divider = UART_CLOCK / UART_BAUD - 1;
  uart->tx_control = CONTROL_ON;
  uart->rx_control = CONTROL_ON; /* an interrupt from one byte on */
  uart->interrupts = INTERRUPT_RX;
}

int uart_get(void) {
  const uint32_t word = uart->rx;
  return word & RX_EMPTY ? -1 : (int)(word & 255);
}

void uart_put(uint8_t byte) {
  while (uart->tx & TX_FULL) {
  }
  uart->tx = byte;
}
