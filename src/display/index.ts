export { clearOutput, display, isDisplayHandle } from './display.ts';
export type { DisplayForms, DisplayHandle } from './display.ts';
export { $display, renderAsync, renderValue, setRendering } from './render.ts';
export type { RenderOptions } from './render.ts';
export type { Rendered } from './rendered.ts';
export { consoleTable } from './table.ts';
export { plainText } from './plain-text.ts';
export type { TextLimits } from './plain-text.ts';
