/** What a variant has no kernel for. A build that asks for it does not compile. */

export function pair4Code(
  _weights: usize,
  _weightStep: u32,
  _channels: u32,
  _codes: usize,
  _codeStep: u32,
  _rows: u32,
  _inputs: u32,
  _sums: usize,
  _sumStep: u32,
): void {
  ERROR("this variant has no kernel for pair4");
}

export function field2x16Code(
  _offset: i32,
  _weights: usize,
  _weightStep: u32,
  _channels: u32,
  _codes: usize,
  _codeStep: u32,
  _rows: u32,
  _inputs: u32,
  _sums: usize,
  _sumStep: u32,
): void {
  ERROR("this variant has no kernel for field2x16");
}

/** 0: there are no panels. */
export const PANEL_ROWS: u32 = 0;

export function panelCode(
  _packing: u32,
  _offset: i32,
  _signed: bool,
  _panel: usize,
  _weights: usize,
  _weightStep: u32,
  _channels: u32,
  _codes: usize,
  _codeStep: u32,
  _rows: u32,
  _inputs: u32,
  _sums: usize,
  _sumStep: u32,
): void {
  ERROR("this variant has no panels");
}
