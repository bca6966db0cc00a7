/* The UART that began as National Semiconductor's 16550, with registers of a byte. */
#include "board.h"
#include "uart.h"

static volatile struct {
  uint8_t data, interrupts, fifo, line, modem, status;
} *const uart = (void *)UART_ADDRESS;

enum { INTERRUPT_RX = 1, FIFO_ON = 1, LINE_8_BITS = 3, LINE_DIVIDER = 128 };
enum { STATUS_RX = 1, STATUS_TX_EMPTY = 32 };

void uart_start(void) {
  const uint32_t divider = UART_CLOCK / 16 / UART_BAUD;
  uart->line = LINE_DIVIDER; /* the first two registers are its bytes */
  uart->data = (uint8_t)divider;
  uart->interrupts = (uint8_t)(divider >> 8);
  uart->line = LINE_8_BITS;
  uart->fifo = FIFO_ON;
  uart->interrupts = INTERRUPT_RX;
}

int uart_get(void) { return uart->status & STATUS_RX ? uart->data : -1; }

void uart_put(uint8_t byte) {
  while (!(uart->status & STATUS_TX_EMPTY)) {
  }
  uart->data = byte;
}
