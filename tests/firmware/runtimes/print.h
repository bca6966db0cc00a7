/* The console and the end of a test program (start.c). */
#ifndef PRINT_H
#define PRINT_H
#include <stdint.h>

void print(const char *text);
void print_number(const char *name, uint32_t x);
void print_hex(const uint8_t *data, uint32_t bytes);
#endif
