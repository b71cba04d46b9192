/**
 * UTF-16 code units of a cell up to which its types are checked, completed and explained. Of what is longer, which is data,
 * later cells know the names; their type is any.
 */
export const TYPED_LENGTH = 100_000;
