import type {
  CompletionItem as ServerItem,
  CompletionList,
  Diagnostic as ServerDiagnostic,
  Hover,
  SignatureHelp,
} from 'vscode-languageserver-protocol';

/** The requests that the kernel sends, with the results as the language server protocol has them. */
export interface ServerAnswers {
  'textDocument/diagnostic': { items?: ServerDiagnostic[] };
  'textDocument/completion': CompletionList | null;
  'textDocument/hover': Hover | null;
  'textDocument/signatureHelp': SignatureHelp | null;
  'completionItem/resolve': ServerItem;
}

export type ServerMethod = keyof ServerAnswers;
