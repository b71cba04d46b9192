import { testCases } from './keras-training.ts';

/** All cases are in the long test: here those of several outputs and frozen layers, and every fourth of the others. */
testCases(({ name }, index) => /outputs|frozen/.test(name) || index % 4 === 0);
