/** Ops whose results do not follow from their inputs. */
export const STATEFUL = new Set([
  'Multinomial',
  // Its seed is drawn in JavaScript.
  'StatelessMultinomial',
  'RandomUniform',
  'RandomStandardNormal',
  'SummaryWriter',
  'CreateSummaryFileWriter',
  'WriteScalarSummary',
  'WriteSummary',
  'FlushSummaryWriter',
]);
