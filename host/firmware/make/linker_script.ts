import { hex } from "../../base/printable.ts";
import type { Board } from "../boards.ts";

/**
 * The linker script of a board. The stack is at the beginning of RAM, so that one that overflows leaves RAM and faults instead of writing over
 * something. What follows the variables is the pool, of which models take their memory. Zeroed variables are loaded where they are: otherwise those who load an image take
 * them to stand behind the others in flash.
 */
export function linkerScript({ name, flash, blob, ram }: Board, stackBytes: number): string {
  return `/* Memory of ${name}. */
MEMORY {
  code (rx) : ORIGIN = ${hex(flash.address)}, LENGTH = ${hex(blob.address - flash.address)}
  blob (r) : ORIGIN = ${hex(blob.address)}, LENGTH = ${hex(blob.bytes)}
  ram (rw) : ORIGIN = ${hex(ram.address)}, LENGTH = ${hex(ram.bytes)}
}

ENTRY(reset)

SECTIONS {
  .text : {
    KEEP(*(.vectors))
    *(.text .text.*)
    *(.rodata .rodata.* .srodata .srodata.*)
    . = ALIGN(4);
  } > code
  .blob : { KEEP(*(.blob)) } > blob
  .stack (NOLOAD) : {
    stack_bottom = .;
    . = . + ${hex(stackBytes)};
    stack_top = .;
  } > ram
  .data : AT(ADDR(.text) + SIZEOF(.text)) {
    data_start = .;
    *(.data .data.* .sdata .sdata.*)
    . = ALIGN(4);
    data_end = .;
  } > ram
  data_load = LOADADDR(.data);
  ASSERT(data_load + SIZEOF(.data) <= ORIGIN(code) + LENGTH(code), "code does not fit into flash before the blob")
  __global_pointer$ = ADDR(.data) + 0x800;
  .bss (NOLOAD) : AT(ADDR(.bss)) {
    bss_start = .;
    *(.bss .bss.* .sbss .sbss.* COMMON)
    . = ALIGN(16);
    bss_end = .;
  } > ram
  pool_start = bss_end;
  pool_end = ORIGIN(ram) + LENGTH(ram);
  /DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) *(.eh_frame*) *(.comment) *(.note*) *(.init*) *(.fini*) }
}
`;
}
