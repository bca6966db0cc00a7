/*
 * The runtime on the fast interpreter of WAMR 2.4.3, which translates all of tern.wasm into RAM when it is loaded.
 *
 * The module's memory is what the caller gives. All else that WAMR allocates comes from `pool`: RUNTIME_POOL_BYTES, measured (interpreters.ts).
 */
#include "module.h"
#include "runtime.h"
#include "wasm_export.h"
#include "wasm_runtime.h"
#include <string.h>

const uint32_t runtime_extra_bytes = 0;

static uint8_t *linear;
static uint32_t linear_bytes;
static uint8_t pool[RUNTIME_POOL_BYTES] __attribute__((aligned(8)));

static const struct {
  const char *name;
  uint32_t arguments;
} exports[] = {{"abi_version", 0}, {"features", 1}, {"plan", 3}, {"open", 6}, {"invoke", 3}, {"reset", 1}};
#define EXPORTS (sizeof exports / sizeof exports[0])

static bool begun;                  /* the pool is in use */
static wasm_module_inst_t instance; /* 0: none */
static wasm_exec_env_t environment;
static wasm_function_inst_t functions[EXPORTS];

static int32_t weights_read(wasm_exec_env_t caller, uint32_t to, uint32_t offset, uint32_t bytes) {
  if (to <= linear_bytes && bytes <= linear_bytes - to) return board_weights_read(linear + to, offset, bytes);
  wasm_runtime_set_exception(wasm_runtime_get_module_inst(caller), "out of bounds memory access");
  return 1;
}
static NativeSymbol imports[] = {{"weights_read", (void *)weights_read, "(iii)i", 0}};

static bool is_i32(wasm_function_inst_t function, uint32_t arguments) {
  if (!function || wasm_func_get_param_count(function, instance) != arguments) return false;
  if (wasm_func_get_result_count(function, instance) != 1) return false;
  wasm_valkind_t types[6];
  wasm_func_get_result_types(function, instance, types);
  wasm_func_get_param_types(function, instance, types + 1);
  for (uint32_t i = 0; i <= arguments; i++) {
    if (types[i] != WASM_I32) return false;
  }
  return true;
}

/* Reads the module, which WAMR proves, makes the instance, and checks what the module wants and has. */
static enum runtime_trap load(void) {
  /* Without wasm_binary_freeable WAMR would patch the module's bytes, which are in flash. */
  const LoadArgs options = {.name = (char *)"", .wasm_binary_freeable = true};
  char why[64];
  wasm_module_t module =
      wasm_runtime_load_ex((uint8_t *)module_begin, (uint32_t)(module_end - module_begin), (LoadArgs *)&options, why, sizeof why);
  if (!module) return strstr(why, "allocate memory failed") ? TRAP_OTHER : TRAP_LOAD;
  for (int32_t i = 0; i < wasm_runtime_get_import_count(module); i++) {
    wasm_import_t import;
    wasm_runtime_get_import_type(module, i, &import);
    if (import.kind != WASM_IMPORT_EXPORT_KIND_FUNC || !import.linked) return TRAP_LOAD;
  }
  instance = wasm_runtime_instantiate(module, RUNTIME_STACK_BYTES, 0, why, sizeof why);
  if (!instance) return strstr(why, "allocate memory failed") ? TRAP_OTHER : TRAP_LOAD;
  for (uint32_t i = 0; i < EXPORTS; i++) {
    functions[i] = wasm_runtime_lookup_function(instance, exports[i].name);
    if (!is_i32(functions[i], exports[i].arguments)) return TRAP_LOAD;
  }
  const WASMModuleInstance *parts = (WASMModuleInstance *)instance;
  if (parts->memory_count != 1 || parts->memories[0]->memory_data_size) return TRAP_LOAD; /* ABI.md: (memory 0) */

  /* Instead of WAMR's memory of 0 pages, which cannot grow either. */
  WASMMemoryInstance *memory = parts->memories[0];
  memset(linear, 0, linear_bytes);
  memory->memory_data = linear;
  memory->memory_data_end = linear + linear_bytes;
  memory->memory_data_size = linear_bytes;
  memory->max_page_count = 0;
  environment = wasm_runtime_create_exec_env(instance, RUNTIME_STACK_BYTES);
  return environment ? TRAP_NONE : TRAP_OTHER;
}

enum runtime_trap runtime_start(uint8_t *memory, uint32_t bytes) {
  linear = memory;
  linear_bytes = bytes;
  instance = 0;
  if (begun) wasm_runtime_destroy();
  begun = false;
  RuntimeInitArgs options = {.mem_alloc_type = Alloc_With_Pool};
  options.mem_alloc_option.pool.heap_buf = pool;
  options.mem_alloc_option.pool.heap_size = sizeof pool;
  options.native_module_name = "board";
  options.native_symbols = imports;
  options.n_native_symbols = 1;
  begun = wasm_runtime_full_init(&options);
  if (!begun) return TRAP_OTHER;
  const enum runtime_trap trap = load();
  if (trap) instance = 0;
  return trap;
}

uint8_t *runtime_memory(void) { return linear; }

static bool ends_with(const char *text, const char *end) {
  const size_t length = strlen(text), tail = strlen(end);
  return length >= tail && strcmp(text + length - tail, end) == 0;
}

enum runtime_trap runtime_call(enum runtime_export export, const uint32_t *arguments, int32_t *result) {
  if (!instance) return TRAP_OTHER;
  uint32_t values[6]; /* in: arguments, out: the result */
  for (uint32_t i = 0; i < exports[export].arguments; i++) values[i] = arguments[i];
  if (wasm_runtime_call_wasm(environment, functions[export], exports[export].arguments, values)) {
    *result = (int32_t)values[0];
    return TRAP_NONE;
  }
  const char *why = wasm_runtime_get_exception(instance);
  instance = 0;
  if (!why) return TRAP_OTHER;
  if (ends_with(why, "out of bounds memory access")) return TRAP_BOUNDS;
  if (ends_with(why, "unreachable")) return TRAP_UNREACHABLE;
  return ends_with(why, "stack overflow") ? TRAP_STACK : TRAP_OTHER; /* a division by 0, say */
}

uint32_t runtime_own_bytes(void) {
  const uint32_t word = 4;
  int32_t bytes;
  return runtime_start(0, 0) || runtime_call(RUNTIME_FEATURES, &word, &bytes) ? 0 : (uint32_t)bytes;
}
