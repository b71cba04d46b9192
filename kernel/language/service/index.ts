/** Types for cells: diagnostics, completion and inspection from TypeScript's language server, which runs beside. */
export { createLanguageService, type LanguageServiceOptions } from './service.ts';
