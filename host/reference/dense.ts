/** acc[m] = Σ_k weights[m, k] · input[k] for one row, in int32 with wraparound. `weights` is (M, K), row-major. */
export function dense(weights: Int8Array, input: Int32Array, acc: Int32Array): void {
  const K = input.length;
  for (let m = 0; m < acc.length; m++) {
    let sum = 0;
    for (let k = 0; k < K; k++) sum = (sum + weights[m * K + k]! * input[k]!) | 0;
    acc[m] = sum;
  }
}
