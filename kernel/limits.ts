/**
 * UTF-16 code units of a cell up to which its types are checked, completed and explained. What is longer is data, and would
 * block the kernel process while it is read.
 */
export const TYPED_LENGTH = 1_000_000;
