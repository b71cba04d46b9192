/* A stand-in for libcuda.so.1. FAKE_CUDA: `init=CODE` (with two devices otherwise as FAKE_NVML says), `version=12090`,
 * `hang`. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *word(const char *name) {
  const char *at = getenv("FAKE_CUDA") ? strstr(getenv("FAKE_CUDA"), name) : NULL;
  return at ? at + strlen(name) : NULL;
}
static int nvml(const char *name) { return getenv("FAKE_NVML") && strstr(getenv("FAKE_NVML"), name); }

int cuInit(unsigned flags) {
  if (flags) return 1;
  if (word("hang"))
    for (;;) sleep(1000);
  return word("init=") ? atoi(word("init=")) : 0;
}
int cuDriverGetVersion(int *out) {
  *out = word("version=") ? atoi(word("version=")) : nvml("old-driver") ? 11040 : nvml("minor-driver") ? 12020 : 12090;
  return 0;
}
int cuGetErrorName(int code, const char **out) {
  *out = code == 100 ? "CUDA_ERROR_NO_DEVICE" : code == 34 ? "CUDA_ERROR_STUB_LIBRARY" : code == 999 ? "CUDA_ERROR_UNKNOWN" : NULL;
  return *out ? 0 : 1;
}
int cuGetErrorString(int code, const char **out) {
  *out = code == 100 ? "no CUDA-capable device is detected"
         : code == 34 ? "CUDA driver is a stub library"
         : code == 999 ? "unknown error" : NULL;
  return *out ? 0 : 1;
}
int cuDeviceGetCount(int *out) { *out = nvml("none") ? 0 : nvml("two") ? 2 : 1; return 0; }
int cuDeviceGet(int *out, int index) { *out = index; return 0; }
int cuDeviceGetName(char *out, int room, int device) {
  const char *name = device ? "NVIDIA GeForce RTX 3060" : "NVIDIA GeForce RTX 4070 Laptop GPU";
  if ((int)strlen(name) >= room) return 1;
  strcpy(out, name);
  return 0;
}
int cuDeviceTotalMem_v2(size_t *out, int device) { *out = (device ? 12288ull : 8188ull) << 20; return 0; }
int cuDeviceGetAttribute(int *out, int attribute, int device) {
  int value = nvml("kepler") ? 37 : nvml("pascal") ? 61 : nvml("blackwell") ? 120 : device ? 86 : 89;
  if (attribute == 75) *out = value / 10;
  else if (attribute == 76) *out = value % 10;
  else return 1;
  return 0;
}
