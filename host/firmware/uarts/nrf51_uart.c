/* The UART of Nordic's nRF51, and of the nRF52 without its DMA. */
#include "board.h"
#include "uart.h"

#define REGISTER(offset) (*(volatile uint32_t *)(UART_ADDRESS + (offset)))
#define START_RX REGISTER(0x000)
#define START_TX REGISTER(0x008)
#define RX_READY REGISTER(0x108)
#define TX_READY REGISTER(0x11c)
#define INTERRUPTS REGISTER(0x304)
#define ENABLE REGISTER(0x500)
#define TX_PIN REGISTER(0x50c)
#define RX_PIN REGISTER(0x514)
#define RX_DATA REGISTER(0x518)
#define TX_DATA REGISTER(0x51c)
#define BAUD REGISTER(0x524)

enum { RX_READY_INTERRUPT = 1 << 2, UART_ON = 4 };

static int sending;

void uart_start(void) {
  TX_PIN = UART_TX_PIN;
  RX_PIN = UART_RX_PIN;
  BAUD = (uint32_t)(((uint64_t)UART_BAUD << 32) / UART_CLOCK + 0x800) & ~0xfffu; /* as in Nordic's table */
  ENABLE = UART_ON;
  INTERRUPTS = RX_READY_INTERRUPT;
  START_TX = 1;
  START_RX = 1;
}

int uart_get(void) {
  if (!RX_READY) return -1;
  RX_READY = 0;
  return (int)(RX_DATA & 255);
}

void uart_put(uint8_t byte) {
  while (sending && !TX_READY) {
  }
  TX_READY = 0;
  TX_DATA = byte;
  sending = 1;
}
