/** The functions of WASI preview 1 that the command imports, from the module of this file's name. All return an errno, 0 for success. */
export declare function args_sizes_get(count: usize, bytes: usize): i32;
export declare function args_get(pointers: usize, strings: usize): i32;
export declare function fd_prestat_get(fd: i32, prestat: usize): i32;
export declare function fd_prestat_dir_name(fd: i32, name: usize, bytes: u32): i32;
export declare function path_open(
  folder: i32,
  lookupFlags: u32,
  path: usize,
  pathBytes: u32,
  openFlags: u32,
  rights: u64,
  inheritedRights: u64,
  fdFlags: u32,
  fd: usize,
): i32;
export declare function fd_filestat_get(fd: i32, filestat: usize): i32;
export declare function fd_read(fd: i32, buffers: usize, count: u32, bytesRead: usize): i32;
export declare function fd_write(fd: i32, buffers: usize, count: u32, bytesWritten: usize): i32;
/** Does not return. */
export declare function proc_exit(code: i32): void;
