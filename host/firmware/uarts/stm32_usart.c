/* The USART of the older STM32 (F1, F2, F4). */
#include "board.h"
#include "uart.h"

static volatile struct {
  uint32_t status, data, baud, control;
} *const uart = (void *)UART_ADDRESS;

enum { STATUS_RX_FULL = 1 << 5, STATUS_TX_EMPTY = 1 << 7 };
enum { CONTROL_RX = 1 << 2, CONTROL_TX = 1 << 3, CONTROL_RX_INTERRUPT = 1 << 5, CONTROL_ON = 1 << 13 };

void uart_start(void) {
  uart->baud = (UART_CLOCK + UART_BAUD / 2) / UART_BAUD;
  uart->control = CONTROL_ON | CONTROL_RX | CONTROL_TX | CONTROL_RX_INTERRUPT;
}

int uart_get(void) { return uart->status & STATUS_RX_FULL ? (int)(uart->data & 255) : -1; }

void uart_put(uint8_t byte) {
  while (!(uart->status & STATUS_TX_EMPTY)) {
  }
  uart->data = byte;
}
