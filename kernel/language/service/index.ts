/** Types for cells: diagnostics, completion and inspection from TypeScript's language server, a child process. */
export { createLanguageService, type LanguageServiceOptions } from './service.ts';
