import { xlaSetting } from '../../../src/compile/execution/xla-setting.ts';
import { setRandomSeed } from '../../../src/compile/lowering/random.ts';

test('XLA comes by itself only where the same numbers are not asked for', () => {
  expect(xlaSetting({})).toBe('auto');
  expect(xlaSetting({ TENSORCELL_XLA: 'nonsense' })).toBe('auto');
  expect(xlaSetting({ TF_DETERMINISTIC_OPS: '1' })).toBe('off');
  expect(xlaSetting({ TF_DETERMINISTIC_OPS: '1', TENSORCELL_XLA: 'auto' })).toBe('off');
  expect(xlaSetting({ TF_DETERMINISTIC_OPS: '1', TENSORCELL_XLA: 'on' })).toBe('on');
  setRandomSeed(1);
  expect(xlaSetting({})).toBe('off');
  expect(xlaSetting({ TENSORCELL_XLA: 'auto' })).toBe('auto');
  expect(xlaSetting({ TENSORCELL_XLA: 'on' })).toBe('on');
});
