/*
 * A plugin for QEMU that counts the guest's instructions and prints the number on standard error when the guest ends.
 * With begin=ADDRESS,end=ADDRESS,to=FILE it also counts from `begin` to `end`: each time that the guest comes to `end`,
 * the file gets a line with the number since it last came to `begin`, before the guest goes on. Both addresses have to
 * be those of functions, which translated blocks begin with.
 *
 * With the few declarations of qemu-plugin.h that it needs, since Debian does not package that file.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct qemu_plugin_tb;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*translated)(uint64_t id, struct qemu_plugin_tb *block));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*executed)(unsigned cpu, void *data),
                                          enum qemu_plugin_cb_flags flags, void *data);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, enum qemu_plugin_op op, void *counter,
                                              uint64_t add);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *block);

int qemu_plugin_version = 1;

#define NOWHERE UINT64_MAX

static uint64_t instructions;
static uint64_t begin = NOWHERE, end = NOWHERE;
static uint64_t begun = NOWHERE; /* instructions at `begin`; NOWHERE: not between the two */
static FILE *to;

static void at_begin(unsigned cpu, void *data) {
  (void)cpu, (void)data;
  begun = instructions;
}

static void at_end(unsigned cpu, void *data) {
  (void)cpu, (void)data;
  if (begun == NOWHERE) return;
  fprintf(to, "%" PRIu64 "\n", instructions - begun);
  fflush(to);
  begun = NOWHERE;
}

static void translated(uint64_t id, struct qemu_plugin_tb *block) {
  (void)id;
  const uint64_t address = qemu_plugin_tb_vaddr(block);
  if (address == begin) qemu_plugin_register_vcpu_tb_exec_cb(block, at_begin, QEMU_PLUGIN_CB_NO_REGS, NULL);
  if (address == end) qemu_plugin_register_vcpu_tb_exec_cb(block, at_end, QEMU_PLUGIN_CB_NO_REGS, NULL);
  qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &instructions,
                                           qemu_plugin_tb_n_insns(block));
}

static void print(void) { fprintf(stderr, "instructions %" PRIu64 "\n", instructions); }

static const char *value_of(const char *argument, const char *name) {
  const size_t length = strlen(name);
  return strncmp(argument, name, length) == 0 && argument[length] == '=' ? argument + length + 1 : NULL;
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
  (void)info;
  for (int i = 0; i < argc; i++) {
    const char *value;
    if ((value = value_of(argv[i], "begin"))) begin = strtoull(value, NULL, 0);
    if ((value = value_of(argv[i], "end"))) end = strtoull(value, NULL, 0);
    if ((value = value_of(argv[i], "to"))) to = fopen(value, "w");
  }
  if (end != NOWHERE && !to) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  return atexit(print);
}
