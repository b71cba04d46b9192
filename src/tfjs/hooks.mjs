// Where tfjs's random ops ask for numbers before they draw them in JavaScript, and what it takes there in place of Math.random.
export const random = { draw: undefined, next: () => Math.random() };

/** Whether ops fuse an activation. On TensorFlow they do not: its optimizer does, and tfjs-node composes them anyway. */
export const fusing = { off: () => false };

/**
 * Asked by the layers of normalization for their results in training (`batch`) and always (`layer`); undefined lets them
 * compute.
 */
export const normalizing = { batch: () => undefined, layer: () => undefined };

/** Asked by weights after an update before they apply their constraint; true where it will follow in the graph. */
export const constraining = { later: undefined };

/** Asked by tfjs's recurrent layers before they unroll. */
export const recurrent = { loop: undefined };

/** Asked by the cross-entropy of probabilities; undefined lets tfjs compose it. */
export const crossEntropy = { ofProbabilities: undefined };

/** Gives the reason when a gradient needs an op that has none: a sentence after a space, or nothing. */
export const withoutGradient = { reason: () => '' };

/** Asked by ops on matrices for TensorFlow's; undefined lets tfjs compose them. */
export const matrices = { bandPart: undefined, qr: undefined };
