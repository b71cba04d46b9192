/** Whether one kind of device can be used on this machine. */
export interface Verdict {
  works: boolean;
  why: string;
  fix?: string[];
  hardware: boolean;
  /** CUDA will never work with this hardware: only then is DirectML worth offering. */
  never?: boolean;
}

export const INSTALL_DIRECTML = 'tensorcell runtime install directml';
