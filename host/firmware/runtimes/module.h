/* tern.wasm itself, which an interpreter runs from where it lies: in flash. The firmware defines both, by .incbin or the linker. Code of the firmware: a runtime holds it to its memory, but what it returns is believed. */
#ifndef MODULE_H
#define MODULE_H
#include <stdint.h>

extern const uint8_t module_begin[], module_end[];
#endif
