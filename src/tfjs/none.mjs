/** Whether a value is missing: tfjs uses both null and undefined. */
export const isNone = (value) => value === null || value === undefined;
