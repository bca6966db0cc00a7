/** Thrown by an op that is well-formed and cannot be converted; becomes one line of the `UnsupportedError`. */
export class Refusal extends Error {
  readonly why: string;
  readonly instead: string;

  constructor(why: string, instead: string) {
    super(why);
    this.why = why;
    this.instead = instead;
  }
}
