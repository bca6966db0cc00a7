/** Milliseconds of processor time that this process has used: what runs beside it on a busy machine does not count. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
