/** A native object of an engine: a value, an operation, a function. 0 stands for none. */
export type Handle = number;

/** One output of an operation in a graph. */
export interface GraphOutput {
  oper: Handle;
  index: number;
}

/** An attribute of an op. */
export interface OpAttribute {
  name: string;
  /** One of `ATTR`, or `FUNCTION`. */
  type: number;
  value: unknown;
}

/** A kind of attribute that only graphs have: a function by its name. */
export const FUNCTION = 100;

/** The attribute of a call by which TensorFlow lets XLA compile the function that is called. */
export const XLA_COMPILES = '_XlaMustCompile';
