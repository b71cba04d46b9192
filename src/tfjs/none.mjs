/**
 * Whether a value is missing: tfjs uses both null and undefined.
 *
 * @param {unknown} value
 * @returns {value is null | undefined}
 */
export const isNone = (value) => value === null || value === undefined;
