/* The functions that WAMR wants of its platform. One thread, so locks are empty; memory comes from the pool that wamr.c gives. */
#include "platform_api_vmcore.h"
#include "wasm_export.h"

int bh_platform_init(void) { return 0; }
void bh_platform_destroy(void) {}

/* Never called: the allocator is Alloc_With_Pool. */
void *os_malloc(unsigned bytes) { return (void)bytes, (void *)0; }
void *os_realloc(void *at, unsigned bytes) { return (void)at, (void)bytes, (void *)0; }
void os_free(void *at) { (void)at; }

int os_printf(const char *format, ...) { return (void)format, 0; }
int os_vprintf(const char *format, va_list arguments) { return (void)format, (void)arguments, 0; }
uint64 os_time_get_boot_us(void) { return 0; }
korp_tid os_self_thread(void) { return 0; }
uint8 *os_thread_get_stack_boundary(void) { return 0; }
int os_mutex_init(korp_mutex *mutex) { return (void)mutex, 0; }
int os_mutex_destroy(korp_mutex *mutex) { return (void)mutex, 0; }
int os_mutex_lock(korp_mutex *mutex) { return (void)mutex, 0; }
int os_mutex_unlock(korp_mutex *mutex) { return (void)mutex, 0; }

void *os_mmap(void *hint, size_t bytes, int protection, int flags, os_file_handle file) {
  (void)hint, (void)protection, (void)flags, (void)file;
  return wasm_runtime_malloc((uint32)bytes);
}
void os_munmap(void *at, size_t bytes) {
  (void)bytes;
  wasm_runtime_free(at);
}
int os_mprotect(void *at, size_t bytes, int protection) { return (void)at, (void)bytes, (void)protection, 0; }
void *os_mremap(void *at, size_t bytes, size_t more) { return os_mremap_slow(at, bytes, more); }
void os_dcache_flush(void) {}
void os_icache_flush(void *at, size_t bytes) { (void)at, (void)bytes; }

/* Named by code that never runs here: calls of imports through the wasm-c-api, and newlib's heap. */
void wasm_trap_delete(void *trap) { (void)trap; }
void *_sbrk(ptrdiff_t bytes) { return (void)bytes, (void *)-1; }
