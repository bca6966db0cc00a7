// What a file may cost before it is refused: every limit with its reason, so that a small crafted file takes about a second and 500 MB
// at most, and what real networks need lies far below. Each is checked before the work is done or the memory is had.

/** Nodes of a checkpoint. A dense network has a few hundred. */
export const MAX_NODES = 1 << 14;

/**
 * Channels of nodes that may be looked at while quantizers are moved before joins (graph/commute.ts), a round of all nodes for each join that stands before
 * another: about a second. A DenseNet has some hundred thousand, and 24 rounds.
 */
export const MAX_MOVED = 1 << 23;

/** Elements of one row of a checkpoint's input: a picture of 512 × 512 pixels; a constant per channel takes 2 MiB here. */
export const MAX_ROW_ELEMENTS = 1 << 18;

/** Messages of a checkpoint: one takes two bytes or more in the file, and some hundred here. Real networks have a few thousand. */
export const MAX_MESSAGES = 1 << 18;

/** Entries of a checkpoint's repeated fields, 8 bytes each here; a text counts as eight. Large tensors come as raw data, which is not copied. */
export const MAX_ENTRIES = 1 << 24;

/**
 * Elements of constants, 8 bytes each, that folding a checkpoint may read or make, and channels of nodes on data: so many for any file,
 * and so many more for every element that the file itself holds. A weight costs about ten on its way through a quantizer and a
 * transpose, and twice that through one that is spelt out in arithmetic. What a small file repeats to a large constant stays below 64 MiB.
 */
export const FOLDED = { any: 1 << 23, perElement: 32 };

/** The same for any file whatever: ten million weights; devices hold a tenth of that. */
export const MAX_FOLDED = 1 << 27;

/** Elements of a row of a tensor (FORMAT.md). */
export const MAX_ELEMENTS = 2 ** 24;

/** Elements that are read from a file of weights for one network, 8 bytes each here: more than MAX_FOLDED lets through an import. */
export const MAX_WEIGHTS = 1 << 24;

/**
 * Nodes that lowering may apply to single integers while it looks for the steps of quantizers, for all channels of a network together:
 * so many for any network, about a second, and so many more for every weight. A channel of 8-bit codes takes about 10,000.
 */
export const APPLIED = { any: 1 << 24, perWeight: 512 };

/**
 * Steps that the codes of one quantizer may have in all channels, about 50 bytes each here: 16,384 channels of 8-bit codes. And weights
 * that lowering may make by itself.
 */
export const MAX_STEPS = 1 << 22;

/** Inputs, or outputs, of a program: a byte counts them. */
export const MAX_PORTS = 255;

/**
 * Operations that a model may take for one row (work.ts), if no other limit is given. An engine does some hundred million a second or
 * more; the largest dense network for which this is made takes ten million.
 */
export const MAX_OPERATIONS = 250e6;

/** Bytes of activations that a model may have in memory at a time. Fewer rows run at once where more do not fit. */
export const MAX_ACTIVATION_BYTES = 1 << 28;

/**
 * Bytes of elements of an input file that are held at once: where all are shown, or are labels. What is only worked off, as by `eval` and
 * `verify`, is streamed and has no limit: the pictures of EMNIST, the largest usual idx file, take 547 MB.
 */
export const MAX_BYTES_AT_ONCE = 1 << 28;
