import { testCases } from './keras-training.ts';

testCases(() => true);
