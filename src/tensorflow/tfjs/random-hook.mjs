// Where tfjs's random ops ask for numbers before they draw them in JavaScript.
export const random = { draw: undefined };
