/**
 * The coefficients whose sums of terms come closest to `values`: (values, terms) · coefficients ≈ values, with the least sum of squared
 * relative errors. A term that the others already tell gets next to nothing.
 */
export function leastSquares(terms: readonly number[][], values: readonly number[]): number[] {
  const rows = terms.map((row, i) => row.map((term) => term / values[i]!));
  const count = rows[0]!.length;
  const scale = Array.from({ length: count }, (_, j) => Math.hypot(...rows.map((row) => row[j]!)) || 1);
  const scaled = rows.map((row) => row.map((term, j) => term / scale[j]!));
  // normal equations, whose diagonal is 1 and a trifle
  const matrix = Array.from({ length: count }, (_, i) => [
    ...Array.from({ length: count }, (_, j) => dot(scaled, i, j) + (i === j ? 1e-9 : 0)),
    scaled.reduce((sum, row) => sum + row[i]!, 0),
  ]);
  return solve(matrix).map((coefficient, j) => coefficient / scale[j]!);
}

function dot(rows: number[][], i: number, j: number): number {
  return rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0);
}

/** Gaussian elimination of a positive definite matrix beside its right side. */
function solve(matrix: number[][]): number[] {
  const count = matrix.length;
  for (let pivot = 0; pivot < count; pivot++) {
    for (let row = pivot + 1; row < count; row++) {
      const factor = matrix[row]![pivot]! / matrix[pivot]![pivot]!;
      for (let column = pivot; column <= count; column++) matrix[row]![column]! -= factor * matrix[pivot]![column]!;
    }
  }
  const solution = new Array<number>(count).fill(0);
  for (let row = count - 1; row >= 0; row--) {
    const known = solution.reduce((sum, value, column) => sum + value * matrix[row]![column]!, 0);
    solution[row] = (matrix[row]![count]! - known) / matrix[row]![row]!;
  }
  return solution;
}
