/** Names that begin so are ours: documents, what cells see of each other, helpers. */
export const OWN_PREFIX = '__cell';
