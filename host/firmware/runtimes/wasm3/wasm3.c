/*
 * The runtime on wasm3 0.9.0, which translates a function of tern.wasm into RAM when it is first called.
 *
 * The module's memory is what the caller gives; wasm3 wants its header right before it. All else that wasm3 allocates comes from `pool`:
 * RUNTIME_POOL_BYTES, a multiple of 8 and measured (interpreters.ts). RUNTIME_STACK_BYTES of it are for the values of running functions. What an export's functions were translated to
 * is forgotten when another export is called, so the pool holds the code of `open` or that of `invoke`, never both.
 */
#include "m3_env.h"
#include "m3_validate.h"
#include "module.h"
#include "runtime.h"
#include <string.h>

#define FRONT_BYTES ((sizeof(M3MemoryHeader) + 15) & ~15u) /* memory begins at a multiple of 16 */
#define LEAST_BYTES 8                                      /* of memory: the widest access. Checks of addresses rely on it: operations.c */
const uint32_t runtime_extra_bytes = FRONT_BYTES;

static M3MemoryHeader *linear;
static uint8_t *linear_data(void) { return (uint8_t *)(linear + 1); }

static const struct {
  const char *name;
  uint32_t arguments;
} exports[] = {{"abi_version", 0}, {"features", 1}, {"plan", 3}, {"open", 6}, {"invoke", 3}, {"reset", 1}};
#define EXPORTS (sizeof exports / sizeof exports[0])

static IM3Runtime instance; /* 0: none */
static IM3Module module;
static IM3Function functions[EXPORTS];
static uint32_t translated; /* the export whose code is in the pool; EXPORTS: none */

/*
 * A bump allocator: nearly all that wasm3 allocates lives as long as the instance, so only the last block can be freed or resized in place.
 * Once the module is parsed, the rest of the pool is one page of code, filled from its beginning; what is allocated then comes from its end.
 * (With pages of 512 bytes the same code takes 0.5 to 1.2 KB more.)
 */
static uint8_t pool[RUNTIME_POOL_BYTES] __attribute__((aligned(8)));
_Static_assert(RUNTIME_POOL_BYTES % 8 == 0, "blocks at the pool's end are aligned as the end is");
static uint32_t used, last; /* bytes, and where the last block begins */
static IM3CodePage code;    /* 0: the module is not parsed yet */

static uint32_t rounded(uint32_t bytes) { return (bytes + 7) & ~7u; }

void *wasm3_calloc(size_t count, size_t bytes) { /* wasm3 calls it with a count of bytes, of 1 byte each */
  const uint32_t need = rounded(count * bytes);
  if (need < count || need > sizeof pool - used) return 0;
  if (code) {
    const uint32_t lines = need / sizeof(code_t);
    if (NumFreeLines(code) < lines + d_m3CodePageFreeLinesThreshold) return 0;
    code->info.numLines -= lines;
    return memset(code->code + code->info.numLines, 0, need);
  }
  last = used;
  used += need;
  return memset(pool + last, 0, need);
}

void wasm3_free(void *at) {
  if (!code && at == pool + last) used = last;
}

void *wasm3_realloc(void *at, size_t bytes) { /* wasm3 zeroes what is new */
  const uint32_t need = rounded(bytes);
  if (!code && at == pool + last) {
    if (need < bytes || need > sizeof pool - last) return 0;
    used = last + need;
    return at;
  }
  const uint32_t end = used;
  uint8_t *to = wasm3_calloc(bytes, 1);
  if (!to || !at) return to;
  const uint32_t most = (uint32_t)(pool + end - (uint8_t *)at); /* a block does not know its size */
  return memcpy(to, at, bytes < most ? bytes : most);
}

/* What wasm3 calls where it finds itself broken. */
void wasm3_abort(void) { __builtin_trap(); }

static m3ApiRawFunction(weights_read) {
  m3ApiReturnType(int32_t) m3ApiGetArg(uint32_t, to) m3ApiGetArg(uint32_t, offset) m3ApiGetArg(uint32_t, bytes)
  (void)runtime, (void)_ctx, (void)_mem;
  if (to > linear->length || bytes > linear->length - to) m3ApiTrap(m3Err_trapOutOfBoundsMemoryAccess);
  m3ApiReturn(board_weights_read(linear_data() + to, offset, bytes));
}

/* Begins a new page of code; what was in the last one is gone. */
static void forget(IM3Runtime runtime) {
  for (uint32_t i = 0; i < module->numFunctions; i++) {
    module->functions[i].compiled = 0;
    module->functions[i].constants = 0;
  }
  code = memset(pool + used, 0, sizeof code->info);
  code->info.numLines = (sizeof pool - used - sizeof code->info) / sizeof(code_t);
  runtime->environment->pagesReleased = code;
  runtime->pagesOpen = runtime->pagesFull = 0;
}

/* The call of the import is code as well, so it is linked after each `forget`. */
static M3Result link(void) {
  M3Result failed = m3_LinkRawFunction(module, "board", "weights_read", "i(iii)", weights_read);
  return failed == m3Err_functionLookupFailed ? m3Err_none : failed; /* a module that never streams does not import it */
}

static bool is_i32(IM3Function function, uint32_t arguments) {
  if (!function || GetFunctionNumArgs(function) != arguments || GetFunctionNumReturns(function) != 1) return false;
  for (uint32_t i = 0; i <= arguments; i++) {
    if (function->funcType->types[i] != c_m3Type_i32) return false; /* the result, then the arguments */
  }
  return true;
}

/* Reads the module and proves it: every function, the exports' types, and that it wants nothing but `weights_read`. */
static M3Result load(IM3Runtime runtime, uint8_t *given, uint32_t bytes) {
  M3Result failed = m3_ParseModule(runtime->environment, &module, module_begin, (uint32_t)(module_end - module_begin));
  if (failed) return failed;
  if (module->memoryImported || module->memoryInfo.initPages) return m3Err_unknownMemory; /* ABI.md: (memory 0) */
  if (module->numTables || module->numDataSegments) return m3Err_unknownTable;            /* nor any of these */
  for (uint32_t i = 0; i < EXPORTS; i++) {
    functions[i] = v_FindFunction(module, exports[i].name);
    if (!is_i32(functions[i], exports[i].arguments)) return m3Err_functionLookupFailed;
  }
  if (sizeof pool - used < sizeof code->info + 1024) return m3Err_mallocFailed; /* globals' initial values are code */
  forget(runtime);
  failed = m3_LoadModule(runtime, module);
  if (failed) return failed;

  /* Instead of wasm3's memory of 0 pages, which cannot grow either. */
  M3Memory *memory = &runtime->memory;
  linear = (M3MemoryHeader *)(given + FRONT_BYTES) - 1;
  *linear = *memory->mallocated;
  linear->length = bytes;
  memset(linear_data(), 0, linear->length);
  memory->mallocated = linear;
  memory->maxPages = 0;

  forget(runtime);
  failed = link();
  for (uint32_t i = 0; i < module->numFunctions && !failed; i++) {
    IM3Function function = &module->functions[i];
    if (function->wasm) failed = ValidateFunction(function);
    else if (!function->compiled) failed = m3Err_functionImportMissing;
  }
  return failed;
}

enum runtime_trap runtime_start(uint8_t *memory, uint32_t bytes) {
  instance = 0;
  translated = EXPORTS;
  code = 0;
  used = last = 0;
  if (bytes < LEAST_BYTES) return TRAP_OTHER;
  IM3Environment environment = m3_NewEnvironment();
  IM3Runtime runtime = environment ? m3_NewRuntime(environment, RUNTIME_STACK_BYTES, 0) : 0;
  if (!runtime) return TRAP_OTHER; /* the pool is too small */
  M3Result failed = load(runtime, memory, bytes);
  if (failed) return failed == m3Err_mallocFailed || failed == m3Err_mallocFailedCodePage ? TRAP_OTHER : TRAP_LOAD;
  instance = runtime;
  return TRAP_NONE;
}

uint8_t *runtime_memory(void) { return linear_data(); }

static M3Result call(enum runtime_export export, const uint32_t *arguments, int32_t *result) {
  IM3Function function = functions[export];
  const void *from[6];
  for (uint32_t i = 0; i < exports[export].arguments; i++) from[i] = arguments + i;
  const void *to[1] = {result};
  M3Result failed = m3Err_none;
  if (translated != export) {
    translated = export;
    forget(instance);
    failed = link();
    if (!failed) failed = CompileFunction(function);
  }
  if (!failed) failed = m3_Call(function, exports[export].arguments, from);
  return failed ? failed : m3_GetResults(function, 1, to);
}

enum runtime_trap runtime_call(enum runtime_export export, const uint32_t *arguments, int32_t *result) {
  if (!instance) return TRAP_OTHER;
  M3Result failed = call(export, arguments, result);
  if (!failed) return TRAP_NONE;
  instance = 0;
  if (failed == m3Err_trapOutOfBoundsMemoryAccess) return TRAP_BOUNDS;
  if (failed == m3Err_trapUnreachable) return TRAP_UNREACHABLE;
  return failed == m3Err_trapStackOverflow ? TRAP_STACK : TRAP_OTHER; /* a division by 0; a pool that is too small for the code */
}

uint32_t runtime_own_bytes(void) {
  uint8_t memory[FRONT_BYTES + LEAST_BYTES] __attribute__((aligned(16)));
  const uint32_t word = 4;
  int32_t bytes;
  const int failed = runtime_start(memory, LEAST_BYTES) || runtime_call(RUNTIME_FEATURES, &word, &bytes);
  instance = 0;
  return failed ? 0 : (uint32_t)bytes;
}
