/* The serial port of a board: uarts/<kind>.c gives the first three, arch/<arch>.c the last. */
#ifndef UART_H
#define UART_H
#include <stdint.h>

/* Baud rate and pins as board.h says; the receive interrupt on in the UART. Comes before the others: device_run. */
void uart_start(void);

/* The next byte that has come in; -1: none has. */
int uart_get(void);

/* Sends a byte, as soon as there is room. */
void uart_put(uint8_t byte);

/* Sleeps until a byte comes in, and returns it. */
uint8_t uart_wait(void);

#endif
