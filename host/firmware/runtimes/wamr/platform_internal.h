/* What WAMR wants to know of its platform: no threads, no files, no pages of memory. */
#ifndef PLATFORM_INTERNAL_H
#define PLATFORM_INTERNAL_H
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BH_APPLET_PRESERVED_STACK_SIZE 0
#define BH_THREAD_DEFAULT_PRIORITY 0

typedef int korp_tid, korp_mutex, korp_thread, korp_cond, korp_sem, korp_rwlock;
typedef int os_file_handle, os_raw_file_handle, os_poll_file_handle, os_timespec;
typedef unsigned os_nfds_t;
typedef void *os_dir_stream;

static inline int os_getpagesize(void) { return 1024; }
static inline os_file_handle os_get_invalid_handle(void) { return -1; }
#endif
