/** Adapters that DirectX offers inside WSL. Plain data: it is sent between processes as JSON. */
export interface DirectxReport {
  /** HRESULT of making the list; 0 when it was made. */
  result: number;
  adapters: DirectxAdapter[];
}

export interface DirectxAdapter {
  name: string | null;
  /** PCI vendor: 0x10de NVIDIA, 0x1002 AMD, 0x8086 Intel, 0x1414 Microsoft. */
  vendorId: number | null;
  deviceId: number | null;
  /** Four numbers, as Windows shows driver versions: `31.0.15.3742`. */
  driverVersion: string | null;
  dedicatedMemoryBytes: number | null;
  sharedMemoryBytes: number | null;
  hardware: boolean | null;
  integrated: boolean | null;
}

const VENDORS: Record<number, string> = {
  0x10de: 'NVIDIA',
  0x1002: 'AMD',
  0x1022: 'AMD',
  0x8086: 'Intel',
  0x1414: 'Microsoft',
  0x4d4f4351: 'Qualcomm',
  0x5143: 'Qualcomm',
};

export function vendorName(id: number | null): string | null {
  return id === null ? null : (VENDORS[id] ?? null);
}
